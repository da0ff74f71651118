package io.nbdmirror.nbd.listen;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import jnr.posix.POSIX;
import jnr.posix.POSIXFactory;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The file of a unix socket, and who may connect to it. One that a dead server left behind is taken
 * away; one that somebody listens on, or that is no socket, is left alone.
 */
final class UnixSocketFile {
  private static final Logger log = LoggerFactory.getLogger(UnixSocketFile.class);

  /** Nobody but the owner may connect. */
  private static final int CLOSED_UMASK = 0177;

  private final Path path;
  private final SocketAccess access;

  private UnixSocketFile(Path path, SocketAccess access) {
    this.path = path;
    this.access = access;
  }

  /**
   * Makes room for a socket at {@code path}.
   *
   * @throws IOException one sentence who is in the way
   */
  static UnixSocketFile claim(Path path, SocketAccess access) throws IOException {
    if (Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
      BasicFileAttributes found =
          Files.readAttributes(path, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
      if (!found.isOther()) {
        throw new IOException(
            "cannot listen on unix:%s: there is a file of that name that is no socket"
                .formatted(path));
      }
      if (isAnswered(path)) {
        throw new IOException(
            "cannot listen on unix:%s: another server is listening there".formatted(path));
      }
      Files.delete(path);
    }
    return new UnixSocketFile(path, access);
  }

  private static boolean isAnswered(Path path) {
    try (SocketChannel socket = SocketChannel.open(StandardProtocolFamily.UNIX)) {
      return socket.connect(UnixDomainSocketAddress.of(path));
    } catch (IOException refused) {
      log.debug("nobody answers at {}", path, refused);
      return false;
    }
  }

  /** What makes the file. */
  @FunctionalInterface
  interface Binding<T> {
    T bind() throws IOException;
  }

  /**
   * Lets the file be made such that nobody else can connect before {@link #open} has said who may.
   * For that the whole process makes its files so in the meantime.
   */
  <T> T whileClosedToOthers(Binding<T> binding) throws IOException {
    if (access.isDefault()) {
      return binding.bind();
    }
    POSIX posix = POSIXFactory.getPOSIX();
    int umask = posix.umask(CLOSED_UMASK);
    try {
      return binding.bind();
    } finally {
      posix.umask(umask);
    }
  }

  /**
   * From now on those may connect who were meant to.
   *
   * @throws IOException one sentence why not
   */
  void open() throws IOException {
    if (access.isDefault()) {
      return;
    }
    try {
      access.grant(path);
    } catch (IOException e) {
      throw new IOException(
          "cannot give the socket %s its mode and group: %s".formatted(path, e.getMessage()), e);
    }
  }

  void remove() {
    try {
      Files.deleteIfExists(path);
    } catch (IOException e) {
      log.warn("cannot remove the socket {}: {}", path, e.toString());
    }
  }
}
