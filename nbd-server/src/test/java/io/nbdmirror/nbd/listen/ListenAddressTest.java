package io.nbdmirror.nbd.listen;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.nbdmirror.nbd.export.ExportRegistry;
import io.nbdmirror.nbd.handshake.HandshakeLimits;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollIoHandler;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ListenAddressTest {
  private final MultiThreadIoEventLoopGroup group =
      new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());
  private final NbdServer server =
      new NbdServer(
          new ExportRegistry(),
          group,
          export -> null,
          HandshakeLimits.DEFAULT,
          AccessRules.OPEN,
          null);

  @TempDir private Path folder;

  @AfterEach
  void stop() {
    server.close();
    group.shutdownGracefully(0, 5, TimeUnit.SECONDS).awaitUninterruptibly();
  }

  @ParameterizedTest
  @CsvSource({
    "tcp:127.0.0.1:10809, nbd://127.0.0.1:10809/disk",
    "tcp:[::1]:1, nbd://[0:0:0:0:0:0:0:1]:1/disk",
    "unix:/run/nbd.sock, nbd+unix:///disk?socket=/run/nbd.sock"
  })
  void anAddressIsReadAndGivenAsAUri(String text, String uri) {
    assertThat(ListenAddress.parse(text).uri("disk")).isEqualTo(uri);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "tcp",
        "tcp:",
        "tcp::1",
        "tcp:localhost",
        "tcp:127.0.0.1:65536",
        "tcp:127.0.0.1:x",
        "tcp:::1:10809",
        "udp:127.0.0.1:1",
        "unix:",
        "unix:,mode=0660",
        "unix:/run/s,mode=660x",
        "unix:/run/s,mode=0999",
        "unix:/run/s,mode="
      })
  void whatIsNoAddressIsRefusedByName(String text) {
    assertThatThrownBy(() -> ListenAddress.parse(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("'" + text + "'");
  }

  @Test
  void aSocketLeftBehindIsReplacedAndRemovedAtTheEnd() throws IOException {
    Path path = folder.resolve("s");
    try (ServerSocketChannel dead = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      dead.bind(UnixDomainSocketAddress.of(path));
    }
    assertThat(path).exists();
    server.listen(ListenAddress.parse("unix:" + path));
    server.close();
    assertThat(path).doesNotExist();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {
        "unix:s,mode=0600; rw-------",
        "unix:s,mode=666; rw-rw-rw-",
        "unix:s,group=GROUP; rw-rw----",
        "unix:s,group=GROUP,mode=0640; rw-r-----",
        "unix:s,mode=0620,group=GROUP; rw--w----"
      })
  void aUnixSocketHasTheModeAndGroupThatWereAskedFor(String text, String mode) throws IOException {
    String group = Files.getAttribute(folder, "posix:group").toString();
    Path path = folder.resolve("s");
    String asked = text.replace("unix:s", "unix:" + path).replace("GROUP", group);
    ListenAddress bound = server.listen(ListenAddress.parse(asked));
    assertThat(bound.toString()).isEqualTo("unix:" + path);
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(path))).isEqualTo(mode);
    assertThat(Files.getAttribute(path, "posix:group")).hasToString(group);
  }

  @Test
  void aGroupThatIsNotThereIsNamed() {
    Path path = folder.resolve("s");
    assertThatThrownBy(() -> server.listen(ListenAddress.parse("unix:" + path + ",group=nobody-x")))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("there is no group 'nobody-x'");
  }

  @Test
  void aPathMayHaveACommaOfItsOwn() {
    ListenAddress address = ListenAddress.parse("unix:/run/a,b,mode=0600");
    assertThat(address.toString()).isEqualTo("unix:/run/a,b");
  }

  @Test
  void aSocketSomebodyListensOnIsLeftAlone() throws IOException {
    Path path = folder.resolve("s");
    try (ServerSocketChannel alive = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      alive.bind(UnixDomainSocketAddress.of(path));
      assertThatThrownBy(() -> server.listen(ListenAddress.parse("unix:" + path)))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("another server is listening there");
    }
  }

  @Test
  void aFileThatIsNoSocketIsLeftAlone() throws IOException {
    Path path = Files.writeString(folder.resolve("s"), "precious");
    assertThatThrownBy(() -> server.listen(ListenAddress.parse("unix:" + path)))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("no socket");
    assertThat(path).hasContent("precious");
  }

  @Test
  void aPortInUseIsNamed() throws IOException {
    ListenAddress taken = server.listen(ListenAddress.parse("tcp:127.0.0.1:0"));
    assertThatThrownBy(() -> server.listen(taken))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("cannot listen on " + taken);
  }
}
