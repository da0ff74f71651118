package io.nbdmirror.nbd.listen;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.nbd.handshake.HandshakeLimits;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.ByteBufAllocatorMetricProvider;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Clients in numbers, or without measure: what they can take from the server has an end. */
class CrowdTest {
  private static final int READ = 0;
  private static final int READ_BYTES = 256 << 10;

  private final List<RawClient> clients = new ArrayList<>();
  private ServerFixture fixture;

  @BeforeEach
  void start() throws IOException {
    // Those who are to idle in their handshake are not to be thrown out for it.
    fixture = new ServerFixture(true, new HandshakeLimits(TimeUnit.MINUTES.toNanos(5), 64));
  }

  @AfterEach
  void stop() throws IOException {
    for (RawClient client : clients) {
      client.close();
    }
    fixture.disk.release();
    fixture.close();
  }

  private RawClient connect() throws IOException {
    RawClient client = fixture.connect();
    clients.add(client);
    return client;
  }

  private static long directBytes() {
    return ((ByteBufAllocatorMetricProvider) ByteBufAllocator.DEFAULT).metric().usedDirectMemory();
  }

  /** Asks without reading until it has asked for far more than it may have in flight. */
  private static void flood(RawClient client) throws IOException {
    for (int cookie = 0; cookie < 4000; cookie++) {
      client.send(RawClient.request(0, READ, cookie, 0, READ_BYTES));
    }
  }

  @Test
  void aClientThatDoesNotReadItsRepliesHoldsNoMoreThanItsWindow() throws IOException {
    RawClient greedy = connect().go("disk");
    flood(greedy);
    RawClient other = connect().go("disk");
    assertThat(other.isInSync()).isTrue();
    Awaitility.await("some of it in flight").until(() -> fixture.server.budget().usedBytes() > 0);
    assertThat(fixture.server.budget().usedBytes()).isLessThan(8 << 20);
    // A gigabyte was asked for.
    assertThat(served(greedy)).isLessThan(200);
    assertThat(other.isInSync()).isTrue();
  }

  private long served(RawClient client) {
    return fixture.server.clients().stream()
        .filter(status -> status.peer().endsWith(":" + client.localPort()))
        .mapToLong(status -> status.requests() + status.inFlight())
        .sum();
  }

  @Test
  void aSlowDeviceFloodedByOneClientLeavesRoomForTheOthers() throws IOException {
    fixture.disk.holding = true;
    RawClient greedy = connect().go("disk");
    flood(greedy);
    Awaitility.await("its window full")
        .until(() ->
            fixture.server.budget().usedBytes() > NbdServer.CONNECTION_LIMIT_BYTES - READ_BYTES);
    RawClient other = connect().go("disk");
    int floods = fixture.disk.waiting;
    other.send(RawClient.request(0, READ, 7, 0, 4096));
    Awaitility.await("the other's request at the device")
        .until(() -> fixture.disk.waiting > floods);
    assertThat(fixture.server.budget().usedBytes())
        .isLessThanOrEqualTo(NbdServer.CONNECTION_LIMIT_BYTES + (1 << 20));
    fixture.disk.release();
    assertThat(other.error(7)).isZero();
    assertThat(other.data(4096)).hasSize(4096);
    assertThat(other.isInSync()).isTrue();
  }

  @Test
  void aThousandIdleClientsHoldNoBuffersAndKeepNobodyOut() throws IOException {
    long before = directBytes();
    for (int i = 0; i < 500; i++) {
      connect().greet(3);
      connect().go("disk");
    }
    RawClient worker = connect().go("disk");
    for (int i = 0; i < 100; i++) {
      assertThat(worker.isInSync()).isTrue();
    }
    assertThat(fixture.server.clients()).hasSize(1001);
    assertThat(fixture.server.budget().usedBytes()).isLessThan(1 << 20);
    assertThat(directBytes() - before).as("direct memory").isLessThan(64 << 20);
  }
}
