package io.nbdmirror.nbd.listen;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.nbdmirror.nbd.handshake.HandshakeLimits;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Requests and replies as a client sees them, each rule of the protocol and each misuse. */
class TransmissionTest {
  private static final int READ = 0;
  private static final int DISC = 2;
  private static final int FLUSH = 3;
  private static final int TRIM = 4;
  private static final int WRITE_ZEROES = 6;
  private static final int EPERM = 1;
  private static final int EIO = 5;
  private static final int ESHUTDOWN = 108;
  private static final int SIZE = ServerFixture.SIZE;

  private ServerFixture fixture;

  @BeforeEach
  void start() throws IOException {
    fixture = new ServerFixture(true, HandshakeLimits.DEFAULT);
  }

  @AfterEach
  void stop() {
    fixture.disk.release();
    fixture.close();
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 13, 4096, Integer.MAX_VALUE})
  void whatIsWrittenIsReadBackHoweverTheBytesArrive(int pieceBytes) throws IOException {
    byte[] data = pattern(pieceBytes == 1 ? 600 : 200_000);
    try (RawClient client = fixture.connect().go("disk").inPiecesOf(pieceBytes)) {
      client.send(RawClient.write(0, 1, 1001, data));
      assertThat(client.error(1)).isZero();
      client.send(RawClient.request(0, READ, 2, 1001, data.length));
      assertThat(client.error(2)).isZero();
      assertThat(client.data(data.length)).isEqualTo(data);
    }
  }

  @ParameterizedTest
  @CsvSource({
    // type, flags, offset, length, error: what the table of answers says
    "0, 0, 1048064, 1024, 22",
    "0, 0, -1, 512, 22",
    "0, 0, 9223372036854775807, 512, 22",
    "0, 0, 0, 67108865, 22",
    "0, 2, 0, 512, 22",
    "0, 4, 0, 512, 22",
    "0, 32768, 0, 512, 22",
    "4, 0, 1048064, 1024, 22",
    "4, 0, -512, 512, 22",
    "4, 2, 0, 512, 22",
    "6, 0, 1048064, 1024, 28",
    "6, 0, -512, 512, 28",
    "3, 2, 0, 0, 22",
    "7, 0, 0, 512, 22",
    "8, 0, 0, 512, 22",
    "999, 0, 0, 512, 22"
  })
  void aRequestThatMakesNoSenseIsRefusedAndTheNextOneWorks(
      int type, int flags, long offset, int length, int error) throws IOException {
    try (RawClient client = fixture.connect().go("disk")) {
      client.send(RawClient.request(flags, type, 9, offset, length));
      assertThat(client.error(9)).isEqualTo(error);
      assertThat(client.isInSync()).isTrue();
    }
  }

  @ParameterizedTest
  @CsvSource({"1048064, 1024, 0, 28", "-1, 512, 0, 28", "0, 512, 2, 22", "0, 67108865, 0, 22"})
  void aRefusedWritesPayloadIsDrained(long offset, int length, int flags, int error)
      throws IOException {
    try (RawClient client = fixture.connect().go("disk")) {
      client.send(RawClient.write(flags, 9, offset, new byte[length]));
      assertThat(client.error(9)).isEqualTo(error);
      assertThat(client.isInSync()).isTrue();
      assertThat(fixture.disk.snapshot()).containsOnly(0);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 4, 6})
  void aReadOnlyExportIsNotChanged(int type) throws IOException {
    try (RawClient client = fixture.connect().go("rom")) {
      client.send(
          type == 1
              ? RawClient.write(0, 9, 0, new byte[512])
              : RawClient.request(0, type, 9, 0, 512));
      assertThat(client.error(9)).isEqualTo(EPERM);
      assertThat(client.isInSync()).isTrue();
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {READ, 1, FLUSH, TRIM, WRITE_ZEROES})
  void lengthZeroSucceedsAndDoesNothing(int type) throws IOException {
    try (RawClient client = fixture.connect().go("disk")) {
      client.send(RawClient.request(0, type, 9, SIZE, 0));
      assertThat(client.error(9)).isZero();
      assertThat(client.isInSync()).isTrue();
    }
  }

  @Test
  void flushReachesTheDeviceWhateverItsOffsetAndLength() throws IOException {
    try (RawClient client = fixture.connect().go("disk")) {
      client.send(RawClient.request(0, FLUSH, 9, 77, 88));
      assertThat(client.error(9)).isZero();
      assertThat(fixture.disk.flushes).hasValue(1);
    }
  }

  @Test
  void theSynchronousFlagReachesTheDevice() throws IOException {
    try (RawClient client = fixture.connect().go("disk")) {
      client.send(RawClient.write(1, 9, 0, pattern(512)));
      assertThat(client.error(9)).isZero();
      assertThat(fixture.disk.synchronousWrites).hasValue(1);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {TRIM, WRITE_ZEROES})
  void trimsAndZeroesAreDone(int type) throws IOException {
    try (RawClient client = fixture.connect().go("disk")) {
      client.send(RawClient.write(0, 1, 0, pattern(4096)));
      assertThat(client.error(1)).isZero();
      client.send(RawClient.request(0, type, 2, 512, 1024));
      assertThat(client.error(2)).isZero();
      byte[] disk = fixture.disk.snapshot();
      assertThat(Arrays.copyOfRange(disk, 512, 1536)).containsOnly(0);
      assertThat(disk[511]).isEqualTo(pattern(4096)[511]);
      assertThat(disk[1536]).isEqualTo(pattern(4096)[1536]);
    }
  }

  @Test
  void aDevicesErrorIsToldAndTheConnectionGoesOn() throws IOException {
    try (RawClient client = fixture.connect().go("disk")) {
      fixture.disk.failing = true;
      client.send(RawClient.request(0, READ, 1, 0, 512));
      assertThat(client.error(1)).isEqualTo(EIO);
      client.send(RawClient.write(0, 2, 0, new byte[512]));
      assertThat(client.error(2)).isEqualTo(EIO);
      fixture.disk.failing = false;
      assertThat(client.isInSync()).isTrue();
    }
  }

  @Test
  void whatDoesNotStartAsARequestEndsThatConnectionAlone() throws IOException {
    try (RawClient client = fixture.connect().go("disk");
        RawClient other = fixture.connect().go("disk")) {
      client.send(ByteBuffer.allocate(28).putInt(0x12345678));
      assertThat(client.isClosed()).isTrue();
      assertThat(other.isInSync()).isTrue();
    }
  }

  @Test
  void aWriteOutOfAllProportionEndsTheConnection() throws IOException {
    try (RawClient client = fixture.connect().go("disk")) {
      client.send(RawClient.request(0, 1, 1, 0, 0x7fffffff));
      assertThat(client.isClosed()).isTrue();
    }
  }

  @Test
  void theSameCookieTwiceInFlightIsAnsweredTwice() throws IOException {
    try (RawClient client = fixture.connect().go("disk")) {
      fixture.disk.holding = true;
      client.send(RawClient.request(0, FLUSH, 7, 0, 0));
      client.send(RawClient.request(0, FLUSH, 7, 0, 0));
      await().until(() -> fixture.disk.waiting == 2);
      fixture.disk.release();
      assertThat(client.error(7)).isZero();
      assertThat(client.error(7)).isZero();
    }
  }

  @Test
  void disconnectFinishesWhatIsInFlightAndThenCloses() throws IOException {
    try (RawClient client = fixture.connect().go("disk")) {
      fixture.disk.holding = true;
      client.send(RawClient.write(0, 1, 0, pattern(512)));
      client.send(RawClient.request(0, DISC, 2, 0, 0));
      await().until(() -> fixture.disk.waiting == 1);
      fixture.disk.release();
      byte[] rest = client.rest();
      assertThat(rest).as("the write's answer and nothing else").hasSize(16);
      assertThat(ByteBuffer.wrap(rest).getInt(4)).isZero();
    }
  }

  @Test
  void aClientThatVanishesWithWritesInFlightHarmsNobody() throws IOException {
    try (RawClient other = fixture.connect().go("disk")) {
      RawClient client = fixture.connect().go("disk");
      fixture.disk.holding = true;
      client.send(RawClient.write(0, 1, 0, pattern(4096)));
      client.send(RawClient.request(0, 1, 2, 8192, 100_000));
      await().until(() -> fixture.disk.waiting == 1);
      client.vanish();
      await().until(() -> fixture.server.clients().size() == 2);
      fixture.disk.release();
      await().until(() -> fixture.server.clients().size() == 1);
      assertThat(other.isInSync()).isTrue();
    }
  }

  @Test
  void moreThanTheLimitInFlightWaitsAndIsNotRefused() throws IOException {
    try (RawClient client = fixture.connect().go("disk")) {
      fixture.disk.holding = true;
      int requests = 200;
      ByteBuffer all = ByteBuffer.allocate(28 * requests);
      for (int i = 0; i < requests; i++) {
        all.put(RawClient.request(0, READ, i, 0, SIZE).array());
      }
      client.send(all);
      await().until(() -> fixture.disk.waiting >= 50);
      assertThat(fixture.disk.waiting).as("requests of 1 MiB at the device").isLessThan(65);
      fixture.disk.later = true;
      fixture.disk.release();
      Set<Long> answered = new HashSet<>();
      for (int i = 0; i < requests; i++) {
        byte[] header = client.data(16);
        assertThat(ByteBuffer.wrap(header).getInt(4)).isZero();
        answered.add(ByteBuffer.wrap(header).getLong(8));
        client.data(SIZE);
      }
      assertThat(answered).hasSize(requests);
    }
  }

  @Test
  void aHundredIdleAndHalfFinishedClientsDoNotStopOthers() throws IOException {
    List<RawClient> clients = new ArrayList<>();
    for (int i = 0; i < 50; i++) {
      clients.add(fixture.connect());
      RawClient half = fixture.connect().go("disk");
      half.send(RawClient.request(0, 1, 1, 0, 1 << 20));
      clients.add(half);
    }
    try (RawClient working = fixture.connect().go("disk")) {
      for (int i = 0; i < 20; i++) {
        assertThat(working.isInSync()).isTrue();
      }
    }
    for (RawClient client : clients) {
      client.close();
    }
  }

  @Test
  void aShutdownFinishesWhatIsInFlightAndLeavesTheRestToTheNextServer() throws IOException {
    try (RawClient client = fixture.connect().go("disk")) {
      fixture.disk.holding = true;
      client.send(RawClient.write(0, 1, 0, pattern(512)));
      await().until(() -> fixture.disk.waiting == 1);
      fixture.server.shutDown();
      fixture.awaitLoop();
      client.send(RawClient.write(0, 2, 512, pattern(512)));
      fixture.disk.release();
      assertThat(client.error(1)).isZero();
      assertThat(client.isClosed()).as("closed without a word on the second request").isTrue();
      assertThat(fixture.disk.snapshot()).endsWith(new byte[SIZE - 512]);
    }
  }

  @Test
  void aShutdownThatTakesLongRefusesNewRequests() throws IOException {
    fixture.server.setShutdownPatience(0);
    try (RawClient client = fixture.connect().go("disk")) {
      fixture.disk.holding = true;
      client.send(RawClient.write(0, 1, 0, pattern(512)));
      await().until(() -> fixture.disk.waiting == 1);
      fixture.server.shutDown();
      fixture.awaitLoop();
      client.send(RawClient.request(0, READ, 2, 0, 512));
      assertThat(client.error(2)).isEqualTo(ESHUTDOWN);
      fixture.disk.release();
      assertThat(client.error(1)).isZero();
      assertThat(client.isClosed()).isTrue();
    }
  }

  @Test
  void theServerTellsWhoIsConnectedAndWhatTheyDid() throws IOException {
    try (RawClient client = fixture.connect().go("disk")) {
      client.send(RawClient.write(0, 1, 0, pattern(512)));
      assertThat(client.error(1)).isZero();
      assertThat(client.isInSync()).isTrue();
      ClientStatus status = fixture.server.clients().getFirst();
      assertThat(status.export()).isEqualTo("disk");
      assertThat(status.peer()).startsWith("tcp:127.0.0.1:");
      assertThat(status.writtenBytes()).isEqualTo(512);
      assertThat(status.readBytes()).isEqualTo(512);
      assertThat(status.requests()).isEqualTo(2);
      assertThat(status.negotiated()).containsExactly("fixed-newstyle", "no-zeroes");
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3})
  void randomStreamsNeverStopTheServer(long seed) throws IOException {
    SplittableRandom random = new SplittableRandom(seed);
    for (int i = 0; i < 60; i++) {
      try (RawClient client = fixture.connect()) {
        if (random.nextBoolean()) {
          client.go("disk");
        } else {
          client.greet(3);
        }
        byte[] noise = new byte[1 + random.nextInt(3000)];
        random.nextBytes(noise);
        if (random.nextBoolean()) {
          RawClient.request(random.nextInt(4), random.nextInt(9), 1, random.nextInt(SIZE), 700)
              .flip()
              .get(noise, 0, Math.min(28, noise.length));
        }
        client.send(ByteBuffer.wrap(noise));
      } catch (IOException closedMeanwhile) {
        assertThat(closedMeanwhile).isInstanceOf(java.net.SocketException.class);
      }
    }
    try (RawClient client = fixture.connect().go("disk")) {
      assertThat(client.isInSync()).isTrue();
    }
  }

  @Test
  void itAlsoRunsOnTheJdksOwnSockets() throws IOException {
    try (ServerFixture plain = new ServerFixture(false, HandshakeLimits.DEFAULT);
        RawClient client = plain.connect().go("disk")) {
      client.send(RawClient.write(0, 1, 0, pattern(300_000)));
      assertThat(client.error(1)).isZero();
      assertThat(Arrays.copyOf(plain.disk.snapshot(), 300_000)).isEqualTo(pattern(300_000));
    }
  }

  private static byte[] pattern(int length) {
    byte[] bytes = new byte[length];
    new SplittableRandom(5).nextBytes(bytes);
    return bytes;
  }
}
