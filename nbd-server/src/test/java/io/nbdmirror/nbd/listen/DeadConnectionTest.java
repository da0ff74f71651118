package io.nbdmirror.nbd.listen;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.io.BlockDevice;
import io.nbdmirror.io.engine.PoolEngine;
import io.nbdmirror.io.file.Access;
import io.nbdmirror.io.file.FileDevice;
import io.nbdmirror.io.loop.EventLoopScheduler;
import io.nbdmirror.nbd.export.Export;
import io.nbdmirror.nbd.export.ExportRegistry;
import io.nbdmirror.nbd.handshake.HandshakeLimits;
import io.nbdmirror.nbd.serve.MemberFixture;
import io.nbdmirror.raid.Mirror;
import io.nbdmirror.raid.assembly.Assembly;
import io.netty.channel.EventLoop;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollIoHandler;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A client that loses its connection connects again and makes its unanswered writes once more. Not
 * one of the old ones may then land over a newer one.
 */
class DeadConnectionTest {
  private static final long DATA_OFFSET = 1 << 20;
  private static final int MEGABYTE = 1 << 20;

  /** Where nobody writes at first. */
  private static final long UNTOUCHED = 2L << 20;

  private static final int READ = 0;

  @TempDir private Path folder;
  private MultiThreadIoEventLoopGroup group;
  private Mirror mirror;
  private EventLoopScheduler loop;
  private HeldDevice slow;
  private List<Path> files;
  private NbdServer server;
  private InetSocketAddress address;

  @BeforeEach
  void serveAMirrorWithASlowMember() throws Exception {
    group = new MultiThreadIoEventLoopGroup(2, EpollIoHandler.newFactory());
    loop = new EventLoopScheduler((EventLoop) group.next());
    MemberFixture[] members = MemberFixture.pair(folder, "array");
    files = Arrays.stream(members).map(MemberFixture::path).toList();
    List<BlockDevice> devices = new ArrayList<>();
    for (Path file : files) {
      devices.add(
          FileDevice.open(file.toString(), Access.EXCLUSIVE, false, loop, new PoolEngine()));
    }
    slow = new HeldDevice(devices.get(1), DATA_OFFSET, loop);
    devices.set(1, slow);
    mirror = assemble(devices);
    loop.execute(mirror::start);
    ExportRegistry exports = new ExportRegistry();
    exports.add(new Export("array", "", mirror, loop, false, 4096));
    server =
        new NbdServer(
            exports, group, export -> null, HandshakeLimits.DEFAULT, AccessRules.OPEN, null);
    address = (InetSocketAddress) server.listen(ListenAddress.parse("tcp:127.0.0.1:0")).socket();
  }

  private Mirror assemble(List<BlockDevice> devices) throws Exception {
    CompletableFuture<Mirror> assembled = new CompletableFuture<>();
    loop.execute(() ->
        Assembly.assemble(
            devices, null, false, false, loop, (made, failure) -> assembled.complete(made)));
    return assembled.get(10, TimeUnit.SECONDS);
  }

  @AfterEach
  void stop() throws Exception {
    slow.release();
    server.close();
    CompletableFuture<Boolean> stopped = new CompletableFuture<>();
    loop.execute(() -> mirror.stop(failure -> stopped.complete(failure == null)));
    assertThat(stopped.get(10, TimeUnit.SECONDS)).isTrue();
    group.shutdownGracefully(0, 5, TimeUnit.SECONDS).awaitUninterruptibly();
  }

  private RawClient connect() throws IOException {
    return new RawClient(address).go("array");
  }

  @Test
  void aWriteInFlightWhenItsConnectionDiesLandsBeforeALaterOneIsAcknowledged() throws Exception {
    slow.holding = true;
    RawClient dying = connect();
    dying.send(RawClient.write(0, 1, 0, filled(8192, 1)));
    Awaitility.await().until(() -> slow.waiting == 1);
    dying.vanish();
    try (RawClient client = connect()) {
      client.send(RawClient.write(0, 2, 4096, filled(8192, 2)));
      client.send(RawClient.request(0, READ, 3, 65536, 4096));
      assertThat(client.error(3)).as("the only answer so far").isZero();
      client.data(4096);
      assertThat(slow.waiting).as("writes at the member").isEqualTo(1);
      slow.release();
      assertThat(client.error(2)).isZero();
      for (Path file : files) {
        assertThat(data(file, 0, 4096)).isEqualTo(filled(4096, 1));
        assertThat(data(file, 4096, 8192)).isEqualTo(filled(8192, 2));
      }
    }
  }

  @Test
  void whatADeadConnectionHadSentAndNobodyHadBegunIsNeverBegun() throws Exception {
    slow.holding = true;
    try (RawClient dying = connect()) {
      // As many as may be in flight, and then one more, to where nobody else writes before.
      for (int i = 0; i < NbdServer.CONNECTION_LIMIT_BYTES / MEGABYTE; i++) {
        dying.send(RawClient.write(0, i, 0, filled(MEGABYTE, 1)));
      }
      dying.send(RawClient.write(0, 99, UNTOUCHED, filled(4096, 1)));
      Awaitility.await("the window is full")
          .until(() -> server.clients().getFirst().inFlight() >= 63);
      dying.finish();
      assertThat(dying.isClosed()).as("closed by the server too").isTrue();
    }
    try (RawClient client = connect()) {
      client.send(RawClient.write(0, 2, UNTOUCHED, filled(4096, 2)));
      Awaitility.await("the newer write at the member").until(() -> slow.waiting >= 2);
      slow.release();
      assertThat(client.error(2)).isZero();
      client.send(RawClient.write(0, 3, 0, filled(MEGABYTE, 3)));
      assertThat(client.error(3)).isZero();
    }
    Awaitility.await("nothing in flight").until(() -> server.clients().isEmpty());
    for (Path file : files) {
      assertThat(data(file, 0, MEGABYTE)).isEqualTo(filled(MEGABYTE, 3));
      assertThat(data(file, UNTOUCHED, 4096)).isEqualTo(filled(4096, 2));
    }
  }

  private static byte[] filled(int bytes, int value) {
    byte[] data = new byte[bytes];
    Arrays.fill(data, (byte) value);
    return data;
  }

  private static byte[] data(Path file, long offset, int length) throws IOException {
    try (RandomAccessFile member = new RandomAccessFile(file.toFile(), "r")) {
      member.seek(DATA_OFFSET + offset);
      byte[] data = new byte[length];
      member.readFully(data);
      return data;
    }
  }
}
