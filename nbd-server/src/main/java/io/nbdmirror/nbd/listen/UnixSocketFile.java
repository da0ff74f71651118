package io.nbdmirror.nbd.listen;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The file of a unix socket. One that a dead server left behind is taken away; one that somebody
 * listens on, or that is no socket, is left alone.
 */
final class UnixSocketFile {
  private static final Logger log = LoggerFactory.getLogger(UnixSocketFile.class);

  private final Path path;

  private UnixSocketFile(Path path) {
    this.path = path;
  }

  /**
   * Makes room for a socket at {@code path}.
   *
   * @throws IOException one sentence who is in the way
   */
  static UnixSocketFile claim(Path path) throws IOException {
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
    return new UnixSocketFile(path);
  }

  private static boolean isAnswered(Path path) {
    try (SocketChannel socket = SocketChannel.open(StandardProtocolFamily.UNIX)) {
      return socket.connect(UnixDomainSocketAddress.of(path));
    } catch (IOException refused) {
      log.debug("nobody answers at {}", path, refused);
      return false;
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
