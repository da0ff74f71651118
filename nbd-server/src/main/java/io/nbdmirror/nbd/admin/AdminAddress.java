package io.nbdmirror.nbd.admin;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.UUID;

/**
 * Where the admin API is: a TCP address of this host, or a unix socket. Immutable.
 *
 * @param socket an {@link InetSocketAddress} that is resolved, or a {@link UnixDomainSocketAddress}
 */
public record AdminAddress(SocketAddress socket) {
  /** Where {@code serve} puts it and the live commands look, unless they are told otherwise. */
  public static final String DEFAULT = "127.0.0.1:9809";

  private static final String UNIX = "unix:";

  /**
   * Reads {@code HOST:PORT}, {@code [IPV6]:PORT} or {@code unix:PATH}. A host name is resolved.
   *
   * @throws IllegalArgumentException with a sentence when it is none of these, or when the address
   *     is not one that only this host can reach
   */
  public static AdminAddress parse(String text) {
    return text.startsWith(UNIX) ? unix(text) : tcp(text);
  }

  private static AdminAddress unix(String text) {
    String path = text.substring(UNIX.length());
    if (path.isEmpty()) {
      throw new IllegalArgumentException("'" + text + "' names no socket; say unix:PATH");
    }
    try {
      return new AdminAddress(
          UnixDomainSocketAddress.of(Path.of(path).toAbsolutePath().normalize()));
    } catch (InvalidPathException e) {
      throw new IllegalArgumentException("'" + path + "' is no path: " + e.getReason(), e);
    }
  }

  private static AdminAddress tcp(String text) {
    int colon = text.lastIndexOf(':');
    String host = colon < 0 ? "" : text.substring(0, colon);
    if (host.startsWith("[") && host.endsWith("]")) {
      host = host.substring(1, host.length() - 1);
    } else if (host.contains(":")) {
      host = "";
    }
    if (host.isEmpty()) {
      throw new IllegalArgumentException(
          "'" + text + "' is no admin address; say HOST:PORT, [IPV6]:PORT or unix:PATH");
    }
    InetAddress address;
    try {
      address = InetAddress.getByName(host);
    } catch (UnknownHostException e) {
      throw new IllegalArgumentException("the host '" + host + "' is not known", e);
    }
    if (!address.isLoopbackAddress()) {
      throw new IllegalArgumentException(
          "the admin API is not encrypted and so stays on this host: "
              + text
              + " is not a loopback address; use 127.0.0.1 or unix:PATH and a tunnel");
    }
    return new AdminAddress(new InetSocketAddress(address, port(text, colon)));
  }

  private static int port(String text, int colon) {
    try {
      int port = Integer.parseInt(text, colon + 1, text.length(), 10);
      if (port >= 0 && port <= 65535) {
        return port;
      }
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException("'" + text + "' ends in no port number", e);
    }
    throw new IllegalArgumentException("'" + text + "' ends in no port from 0 to 65535");
  }

  /** As people write it: what {@link #parse} takes. */
  @Override
  public String toString() {
    return switch (socket) {
      case InetSocketAddress tcp -> hostLiteral(tcp.getAddress()) + ":" + tcp.getPort();
      case UnixDomainSocketAddress unix -> UNIX + unix.getPath();
      default -> throw new IllegalStateException("neither TCP nor unix: " + socket);
    };
  }

  /** Names the token file of the server at this address: told apart by it, and a valid name. */
  String tokenFileName() {
    String where =
        switch (socket) {
          case UnixDomainSocketAddress unix ->
              "unix-"
                  + UUID.nameUUIDFromBytes(
                      unix.getPath().toString().getBytes(StandardCharsets.UTF_8));
          default -> toString().replace(':', '_');
        };
    return "admin-" + where + ".token";
  }

  private static String hostLiteral(InetAddress address) {
    String literal = address.getHostAddress();
    return literal.contains(":") ? "[" + literal + "]" : literal;
  }
}
