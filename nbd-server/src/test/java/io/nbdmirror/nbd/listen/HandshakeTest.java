package io.nbdmirror.nbd.listen;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.nbd.handshake.HandshakeLimits;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The fixed newstyle handshake as a client sees it, each rule of the protocol and each misuse. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class HandshakeTest {
  private static final int EXPORT_NAME = 1;
  private static final int ABORT = 2;
  private static final int LIST = 3;
  private static final int INFO = 6;
  private static final int GO = 7;
  private static final byte[] NOTHING = {};

  private ServerFixture fixture;

  @BeforeAll
  void start() throws IOException {
    fixture = new ServerFixture(true, HandshakeLimits.DEFAULT);
  }

  @AfterAll
  void stop() {
    fixture.close();
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 7, 1000})
  void goLeadsToTransmissionHoweverTheBytesArrive(int pieceBytes) throws IOException {
    try (RawClient client = fixture.connect().inPiecesOf(pieceBytes)) {
      assertThat(client.go("disk").isInSync()).isTrue();
    }
  }

  @Test
  void requestsRightBehindGoAreServed() throws IOException {
    try (RawClient client = fixture.connect()) {
      client.greet(3);
      byte[] go = RawClient.info("disk");
      ByteBuffer all =
          ByteBuffer.allocate(16 + go.length + 56)
              .putLong(0x49484156454F5054L)
              .putInt(GO)
              .putInt(go.length)
              .put(go)
              .put(RawClient.request(0, 0, 1, 0, 512).array())
              .put(RawClient.request(0, 3, 2, 0, 0).array());
      client.send(all);
      assertThat(client.replies().getLast().type()).isEqualTo(RawClient.ACK);
      assertThat(client.error(1)).isZero();
      assertThat(client.data(512)).containsOnly(0);
      assertThat(client.error(2)).isZero();
    }
  }

  @Test
  void infoAndGoTellSizeFlagsAndWhatWasAskedFor() throws IOException {
    try (RawClient client = fixture.connect()) {
      client.greet(3).option(INFO, RawClient.info("disk", 1, 2, 3, 77));
      List<RawClient.OptionReply> info = client.replies();
      client.option(GO, RawClient.info("disk", 1, 2, 3, 77));
      List<RawClient.OptionReply> go = client.replies();
      assertThat(info).hasSize(5);
      assertThat(go).usingRecursiveComparison().ignoringFields("option").isEqualTo(info);
      ByteBuffer export = ByteBuffer.wrap(info.getFirst().data());
      assertThat(export.getShort()).isZero();
      assertThat(export.getLong()).isEqualTo(ServerFixture.SIZE);
      assertThat(export.getShort()).as("flags").isEqualTo((short) 0xd6d);
      assertThat(textOf(info.get(1))).isEqualTo("disk");
      assertThat(textOf(info.get(2))).isEqualTo("a disk");
      ByteBuffer sizes = ByteBuffer.wrap(info.get(3).data());
      assertThat(sizes.getShort()).isEqualTo((short) 3);
      assertThat(sizes.getInt()).as("minimum").isEqualTo(1);
      assertThat(sizes.getInt()).as("preferred").isEqualTo(4096);
      assertThat(sizes.getInt()).as("maximum").isEqualTo(33_554_432);
      assertThat(client.isInSync()).isTrue();
    }
  }

  @Test
  void aReadOnlyExportSaysSo() throws IOException {
    try (RawClient client = fixture.connect()) {
      client.greet(3).option(INFO, RawClient.info("rom"));
      byte[] export = client.replies().getFirst().data();
      assertThat(ByteBuffer.wrap(export).getShort(10) & 2).isEqualTo(2);
      assertThat(ByteBuffer.wrap(export).getShort(10) & 0x60).as("trim, zeroes").isZero();
    }
  }

  @Test
  void listNamesEveryExport() throws IOException {
    try (RawClient client = fixture.connect()) {
      client.greet(3).option(LIST, NOTHING);
      List<RawClient.OptionReply> replies = client.replies();
      assertThat(replies).hasSize(3);
      assertThat(new String(replies.getFirst().data(), StandardCharsets.UTF_8)).contains("disk");
      assertThat(new String(replies.get(1).data(), StandardCharsets.UTF_8)).contains("rom");
    }
  }

  @ParameterizedTest
  @CsvSource({"1, 134", "3, 10"})
  void exportNameLeadsToTransmissionWithOrWithoutPadding(int clientFlags, int answerBytes)
      throws IOException {
    try (RawClient client = fixture.connect()) {
      client.greet(clientFlags).option(EXPORT_NAME, bytes(""));
      byte[] answer = client.data(answerBytes);
      assertThat(ByteBuffer.wrap(answer).getLong()).isEqualTo(ServerFixture.SIZE);
      assertThat(client.isInSync()).isTrue();
    }
  }

  @Test
  void anUnknownExportIsRefusedAndTheNextOptionWorks() throws IOException {
    try (RawClient client = fixture.connect()) {
      client.greet(3).option(GO, RawClient.info("no such thing"));
      assertThat(client.reply().type()).isEqualTo(RawClient.UNKNOWN);
      client.option(GO, RawClient.info(""));
      assertThat(client.replies().getLast().type()).isEqualTo(RawClient.ACK);
      assertThat(client.isInSync()).isTrue();
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {4, 12, 1000, -1})
  void anUnknownOptionIsRefusedAndItsDataSkipped(int option) throws IOException {
    try (RawClient client = fixture.connect()) {
      client.greet(3);
      for (int length : new int[] {0, 1, 65_536}) {
        client.option(option, new byte[length]);
        assertThat(client.reply().type()).isEqualTo(RawClient.UNSUP);
      }
      assertThat(isUsable(client)).isTrue();
    }
  }

  @Test
  void anOptionOver64KibIsTooBigAndSkipped() throws IOException {
    try (RawClient client = fixture.connect()) {
      client.greet(3).option(GO, new byte[65_537]);
      assertThat(client.reply().type()).isEqualTo(RawClient.TOO_BIG);
      client.option(1000, new byte[3 << 20]);
      assertThat(client.reply().type()).isEqualTo(RawClient.TOO_BIG);
      assertThat(isUsable(client)).isTrue();
    }
  }

  @Test
  void anOptionThatAnnouncesMoreThan32MibEndsTheConnection() throws IOException {
    try (RawClient client = fixture.connect()) {
      client.greet(3);
      client.send(
          ByteBuffer.allocate(16).putLong(0x49484156454F5054L).putInt(GO).putInt(0xffffffff));
      assertThat(client.isClosed()).isTrue();
    }
  }

  @Test
  void the65thOptionThatFailsEndsTheConnection() throws IOException {
    try (RawClient client = fixture.connect()) {
      client.greet(3);
      for (int i = 0; i < 64; i++) {
        client.option(999, NOTHING);
        assertThat(client.reply().type()).isEqualTo(RawClient.UNSUP);
      }
      client.option(999, NOTHING);
      assertThat(client.isClosed()).isTrue();
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {4, 7, 0x80000003})
  void aClientFlagThatWasNotOfferedEndsTheConnection(int flags) throws IOException {
    try (RawClient client = fixture.connect()) {
      client.greet(flags);
      assertThat(client.isClosed()).isTrue();
    }
  }

  @Test
  void withoutFixedNewstyleOnlyExportNameIsServed() throws IOException {
    try (RawClient client = fixture.connect()) {
      client.greet(0).option(LIST, NOTHING);
      assertThat(client.isClosed()).isTrue();
    }
    try (RawClient client = fixture.connect()) {
      client.greet(0).option(EXPORT_NAME, bytes("disk"));
      assertThat(client.data(134)).hasSize(134);
      assertThat(client.isInSync()).isTrue();
    }
  }

  @Test
  void malformedDataIsInvalidAndTheNextOptionWorks() throws IOException {
    byte[] trailing = new byte[RawClient.info("disk").length + 1];
    System.arraycopy(RawClient.info("disk"), 0, trailing, 0, trailing.length - 1);
    byte[] longName = RawClient.info("x".repeat(4097));
    byte[] nul = RawClient.info("di\0sk");
    byte[] badUtf8 = RawClient.info("disk");
    badUtf8[5] = (byte) 0xff;
    byte[] lying = RawClient.info("disk");
    lying[0] = (byte) 0xff;
    List<byte[]> malformed = List.of(NOTHING, new byte[3], trailing, longName, nul, badUtf8, lying);
    try (RawClient client = fixture.connect()) {
      client.greet(3);
      for (byte[] data : malformed) {
        client.option(GO, data);
        assertThat(client.reply().type()).as("%d bytes", data.length).isEqualTo(RawClient.INVALID);
      }
      client.option(LIST, new byte[1]);
      assertThat(client.reply().type()).isEqualTo(RawClient.INVALID);
      assertThat(isUsable(client)).isTrue();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"no such thing", "di\0sk"})
  void exportNameCannotBeRefusedButByClosing(String name) throws IOException {
    try (RawClient client = fixture.connect()) {
      client.greet(3).option(EXPORT_NAME, bytes(name));
      assertThat(client.isClosed()).isTrue();
    }
  }

  @Test
  void abortIsAcknowledgedAndEndsTheConnection() throws IOException {
    try (RawClient client = fixture.connect()) {
      client.greet(3).option(ABORT, NOTHING);
      assertThat(client.reply().type()).isEqualTo(RawClient.ACK);
      assertThat(client.isClosed()).isTrue();
    }
  }

  @Test
  void whatIsNoOptionEndsTheConnection() throws IOException {
    try (RawClient client = fixture.connect()) {
      client.greet(3).send(ByteBuffer.allocate(16).putLong(0x1234));
      assertThat(client.isClosed()).isTrue();
    }
  }

  @Test
  void aHandshakeThatTakesTooLongIsEnded() throws IOException {
    try (ServerFixture impatient =
            new ServerFixture(true, new HandshakeLimits(2_000_000_000L, 64));
        RawClient idle = impatient.connect();
        RawClient attached = impatient.connect()) {
      attached.go("disk");
      idle.greet(3);
      assertThat(idle.isClosed()).isTrue();
      assertThat(attached.isInSync()).as("one that is through stays").isTrue();
    }
  }

  private static boolean isUsable(RawClient client) throws IOException {
    client.option(GO, RawClient.info("disk"));
    return client.replies().getLast().type() == RawClient.ACK && client.isInSync();
  }

  private static String textOf(RawClient.OptionReply reply) {
    return new String(reply.data(), 2, reply.data().length - 2, StandardCharsets.UTF_8);
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
