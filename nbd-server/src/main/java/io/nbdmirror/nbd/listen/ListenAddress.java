package io.nbdmirror.nbd.listen;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.UnixDomainSocketAddress;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Where NBD clients connect: {@code tcp:HOST:PORT}, {@code tcp:[IPV6]:PORT} or {@code unix:PATH},
 * the latter with {@code ,mode=0660} and {@code ,group=NAME} behind it if wanted.
 *
 * @param socket an {@link InetSocketAddress} that is resolved, or a {@link UnixDomainSocketAddress}
 * @param access who may connect to a unix socket
 */
public record ListenAddress(SocketAddress socket, SocketAccess access) {
  private static final String TCP = "tcp:";
  private static final String UNIX = "unix:";

  /** What the kernel takes for the path of a unix socket, in bytes. */
  private static final int MAX_UNIX_PATH_BYTES = 107;

  /** What may follow a unix socket's path; a comma that nothing of this follows is the path's. */
  private static final Pattern ACCESS =
      Pattern.compile("(.*),(mode|group)=([^,]*)", Pattern.DOTALL);

  private static final Pattern MODE = Pattern.compile("0?[0-7]{3}");

  /** An address without a say in who may connect. */
  public ListenAddress(SocketAddress socket) {
    this(socket, SocketAccess.DEFAULT);
  }

  /**
   * Reads an address.
   *
   * @throws IllegalArgumentException one sentence what is wrong with it
   */
  public static ListenAddress parse(String text) {
    if (text.startsWith(UNIX)) {
      return unix(text);
    }
    int colon = text.lastIndexOf(':');
    if (!text.startsWith(TCP) || colon < TCP.length() + 1) {
      throw new IllegalArgumentException(
          "'%s' is no address to listen on: give tcp:HOST:PORT or unix:PATH".formatted(text));
    }
    return new ListenAddress(
        new InetSocketAddress(
            host(text, text.substring(TCP.length(), colon)), port(text, colon + 1)));
  }

  private static ListenAddress unix(String text) {
    String path = text.substring(UNIX.length());
    OptionalInt mode = OptionalInt.empty();
    Optional<String> group = Optional.empty();
    Matcher option = ACCESS.matcher(path);
    while (option.matches()) {
      String value = option.group(3);
      if (option.group(2).equals("group")) {
        group = Optional.of(value);
      } else if (MODE.matcher(value).matches()) {
        mode = OptionalInt.of(Integer.parseInt(value, 8));
      } else {
        throw new IllegalArgumentException(
            "'%s' is no unix socket: its mode is three octal digits, as 0660".formatted(text));
      }
      path = option.group(1);
      option = ACCESS.matcher(path);
    }
    if (path.isEmpty() || path.getBytes(StandardCharsets.UTF_8).length > MAX_UNIX_PATH_BYTES) {
      throw new IllegalArgumentException(
          "'%s' is no unix socket: its path must have 1 to %d bytes"
              .formatted(text, MAX_UNIX_PATH_BYTES));
    }
    return new ListenAddress(UnixDomainSocketAddress.of(path), new SocketAccess(mode, group));
  }

  private static InetAddress host(String text, String host) {
    boolean bracketed = host.startsWith("[") && host.endsWith("]");
    String name = bracketed ? host.substring(1, host.length() - 1) : host;
    if (!bracketed && name.indexOf(':') >= 0) {
      throw new IllegalArgumentException(
          "'%s' is no address to listen on: put the IPv6 address in brackets".formatted(text));
    }
    try {
      return InetAddress.getByName(name);
    } catch (UnknownHostException e) {
      throw new IllegalArgumentException(
          "'%s' is no address to listen on: there is no host '%s'".formatted(text, name), e);
    }
  }

  private static int port(String text, int start) {
    String digits = text.substring(start);
    int port = digits.matches("\\d{1,5}") ? Integer.parseInt(digits) : -1;
    if (port < 0 || port > 0xffff) {
      throw new IllegalArgumentException(
          "'%s' is no address to listen on: '%s' is no port from 0 to 65535"
              .formatted(text, digits));
    }
    return port;
  }

  /** What clients such as libnbd and QEMU are given to reach {@code export} here. */
  public String uri(String export) {
    try {
      return switch (socket) {
        case InetSocketAddress tcp ->
            new URI("nbd", null, hostOf(tcp), tcp.getPort(), "/" + export, null, null)
                .toASCIIString();
        default -> new URI("nbd+unix", "", "/" + export, "socket=" + path(), null).toASCIIString();
      };
    } catch (URISyntaxException e) {
      throw new IllegalArgumentException("export '" + export + "' fits in no URI", e);
    }
  }

  private String path() {
    return socket.toString();
  }

  private static String hostOf(InetSocketAddress tcp) {
    String host = tcp.getAddress().getHostAddress();
    return host.indexOf(':') >= 0 ? "[" + host + "]" : host;
  }

  @Override
  public String toString() {
    return switch (socket) {
      case InetSocketAddress tcp -> TCP + hostOf(tcp) + ":" + tcp.getPort();
      default -> UNIX + path();
    };
  }
}
