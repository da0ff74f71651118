package io.nbdmirror.nbd.listen;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.nbdmirror.nbd.handshake.HandshakeLimits;
import io.nbdmirror.nbd.tls.CredentialException;
import io.nbdmirror.nbd.tls.PskCredentials;
import io.nbdmirror.nbd.tls.TestCertificates;
import io.nbdmirror.nbd.tls.TlsMode;
import io.nbdmirror.nbd.tls.X509Credentials;
import io.nbdmirror.nbd.tls.X509Credentials.Verification;
import io.netty.pkitesting.X509Bundle;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.bouncycastle.tls.ProtocolVersion;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class TlsTest {
  private static final TestCertificates CA = new TestCertificates("Test CA");
  private static final X509Bundle ALICE = CA.issue("CN=alice,O=Example");
  private static final X509Bundle BOB = CA.issue("CN=bob,O=Example");
  private static final X509Bundle STRANGER =
      new TestCertificates("Other CA").issue("CN=alice,O=Example");
  private static final ExportRule ANYBODY = new ExportRule(false, Set.of(), 100);
  private static final int STARTTLS = 5;

  @TempDir private Path folder;
  private @Nullable ServerFixture server;

  @AfterEach
  void stop() {
    if (server != null) {
      server.close();
    }
  }

  // --- which mode refuses what

  @Test
  void withoutTlsTheOptionIsRefusedAndTheNextOneWorks() throws Exception {
    server = new ServerFixture(true, HandshakeLimits.DEFAULT);
    try (RawClient client = server.connect().greet(3)) {
      assertThat(client.option(STARTTLS, new byte[0]).reply().type()).isEqualTo(RawClient.POLICY);
      client.option(7, RawClient.info("disk"));
      assertThat(client.replies().getLast().type()).isEqualTo(RawClient.ACK);
      assertThat(client.isInSync()).isTrue();
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {3, 6, 7, 8, 9, 10, 11, 4711})
  void whereTlsIsRequiredNothingIsAnsweredBefore(int option) throws Exception {
    require(Verification.NONE);
    try (RawClient client = connect().greet(3)) {
      client.option(option, RawClient.info("disk"));
      assertThat(client.reply().type()).isEqualTo(RawClient.TLS_REQD);
      client.option(2, new byte[0]);
      assertThat(client.reply().type()).isEqualTo(RawClient.ACK);
      assertThat(client.isClosed()).isTrue();
    }
  }

  @Test
  void whereTlsIsRequiredAnExportNameBeforeItCloses() throws Exception {
    require(Verification.NONE);
    try (RawClient client = connect().greet(3)) {
      client.option(1, "disk".getBytes(StandardCharsets.UTF_8));
      assertThat(client.isClosed()).isTrue();
    }
  }

  @Test
  void anOptionWithDataIsRefusedAndTheNextOneWorks() throws Exception {
    require(Verification.NONE);
    try (RawClient client = connect().greet(3)) {
      client.option(STARTTLS, new byte[] {1});
      assertThat(client.reply().type()).isEqualTo(RawClient.INVALID);
      startTls(client, null).option(7, RawClient.info("disk"));
      assertThat(client.replies().getLast().type()).isEqualTo(RawClient.ACK);
    }
  }

  @Test
  void underTlsItCannotBeAskedForAgain() throws Exception {
    require(Verification.NONE);
    try (RawClient client = startTls(connect().greet(3), null)) {
      client.option(STARTTLS, new byte[0]);
      assertThat(client.reply().type()).isEqualTo(RawClient.INVALID);
      client.option(3, new byte[0]);
      assertThat(client.replies()).hasSize(3);
    }
  }

  // --- the switch itself

  @Test
  void bytesInTheClearBehindTheOptionCloseTheConnection() throws Exception {
    require(Verification.NONE);
    ByteBuffer both =
        ByteBuffer.allocate(32)
            .putLong(0x49484156454F5054L)
            .putInt(STARTTLS)
            .putInt(0)
            .putLong(0x49484156454F5054L)
            .putInt(3)
            .putInt(0);
    try (RawClient client = connect().greet(3).send(both)) {
      assertThat(client.rest()).isEmpty();
    }
  }

  @Test
  void whatWasAgreedOnBeforeItIsForgotten() throws Exception {
    start(new AccessRules(TlsMode.ON, 100, ANYBODY, Map.of()), Verification.NONE);
    try (RawClient client = connect().greet(3)) {
      client.option(8, new byte[0]);
      assertThat(client.reply().type()).isEqualTo(RawClient.ACK);
      startTls(client, null).option(7, RawClient.info("disk"));
      assertThat(client.replies().getLast().type()).isEqualTo(RawClient.ACK);
      assertThat(client.isInSync()).as("replies are simple ones").isTrue();
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aClientOfTls11IsToldThatItsVersionIsTooOld(boolean psk) throws Exception {
    if (psk) {
      requirePsk("alice:00ff");
    } else {
      require(Verification.NONE);
    }
    String random = "00".repeat(32);
    String hello = "0302" + random + "00" + "0006" + "c013c009002f" + "0100";
    byte[] handshake = HexFormat.of().parseHex("010000" + hexByte(hello.length() / 2) + hello);
    ByteBuffer record =
        ByteBuffer.allocate(5 + handshake.length)
            .put((byte) 22)
            .putShort((short) 0x0301)
            .putShort((short) handshake.length)
            .put(handshake);
    try (RawClient client = connect().greet(3).option(STARTTLS, new byte[0])) {
      assertThat(client.reply().type()).isEqualTo(RawClient.ACK);
      byte[] answer = client.send(record).rest();
      assertThat(answer[0]).as("an alert").isEqualTo((byte) 21);
      assertThat(answer).endsWith(2, 70);
    }
  }

  private static String hexByte(int value) {
    return HexFormat.of().toHexDigits((byte) value);
  }

  @ParameterizedTest
  @ValueSource(strings = {"TLSv1.2", "TLSv1.3"})
  void requestsGoThroughTlsInPiecesOfAnySize(String protocol) throws Exception {
    require(Verification.NONE);
    byte[] data = new byte[300_000];
    for (int i = 0; i < data.length; i++) {
      data[i] = (byte) (i * 31);
    }
    try (RawClient client = connect().greet(3).option(STARTTLS, new byte[0])) {
      client.reply();
      client.secure(TlsClients.x509(CA.authority(), null, protocol));
      client.inPiecesOf(7001).option(7, RawClient.info("disk"));
      assertThat(client.replies().getLast().type()).isEqualTo(RawClient.ACK);
      client.send(RawClient.write(0, 1, 17, data));
      assertThat(client.error(1)).isZero();
      client.send(RawClient.request(0, 0, 2, 17, data.length));
      assertThat(client.error(2)).isZero();
      assertThat(client.data(data.length)).isEqualTo(data);
    }
  }

  @Test
  void whatFollowsGoInTheSameRecordIsAnswered() throws Exception {
    require(Verification.NONE);
    byte[] go = RawClient.info("disk");
    ByteBuffer both =
        ByteBuffer.allocate(16 + go.length + 28)
            .putLong(0x49484156454F5054L)
            .putInt(7)
            .putInt(go.length)
            .put(go)
            .put(RawClient.request(0, 0, 9, 0, 512).array());
    try (RawClient client = startTls(connect().greet(3), null).send(both)) {
      assertThat(client.replies().getLast().type()).isEqualTo(RawClient.ACK);
      assertThat(client.error(9)).isZero();
      assertThat(client.data(512)).hasSize(512);
    }
  }

  /** The client's TLS tells a goodbye from a connection that was cut. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aDisconnectIsAnsweredWithAGoodbyeUnderTls(boolean psk) throws Exception {
    if (psk) {
      requirePsk("alice:00ff");
    } else {
      require(Verification.NONE);
    }
    try (RawClient client = connect().greet(3).option(STARTTLS, new byte[0])) {
      client.reply();
      client.secure(
          psk
              ? TlsClients.psk("alice", "00ff", ProtocolVersion.TLSv13)
              : TlsClients.x509(CA.authority(), null));
      client.option(7, RawClient.info("disk")).replies();
      client.send(RawClient.request(0, 3, 1, 0, 0)).send(RawClient.request(0, 2, 2, 0, 0));
      assertThat(client.error(1)).isZero();
      assertThat(client.rest()).isEmpty();
    }
  }

  // --- who may have which export

  @Test
  void anExportThatRequiresTlsIsHiddenAndRefusedWithoutIt() throws Exception {
    start(
        new AccessRules(
            TlsMode.ON, 100, ANYBODY, Map.of("disk", new ExportRule(true, Set.of(), 100))),
        Verification.NONE);
    try (RawClient client = connect().greet(3)) {
      assertThat(namesOf(client)).containsExactly("rom");
      client.option(6, RawClient.info("disk"));
      assertThat(client.reply().type()).isEqualTo(RawClient.TLS_REQD);
      client.option(7, RawClient.info("rom"));
      assertThat(client.replies().getLast().type()).isEqualTo(RawClient.ACK);
    }
    try (RawClient client = startTls(connect().greet(3), null)) {
      assertThat(namesOf(client)).containsExactly("disk", "rom");
      client.option(7, RawClient.info("disk"));
      assertThat(client.replies().getLast().type()).isEqualTo(RawClient.ACK);
    }
  }

  static Stream<Arguments> visitors() {
    return Stream.of(
        Arguments.of(ALICE, RawClient.ACK),
        Arguments.of(BOB, RawClient.POLICY),
        Arguments.of(null, RawClient.POLICY));
  }

  @ParameterizedTest
  @MethodSource("visitors")
  void anExportIsForThoseOnItsList(@Nullable X509Bundle certificate, int answer) throws Exception {
    ExportRule aliceOnly = new ExportRule(false, Set.of("cn=Alice , o=example"), 100);
    start(
        new AccessRules(TlsMode.ON, 100, ANYBODY, Map.of("disk", aliceOnly)),
        Verification.OPTIONAL);
    try (RawClient client = startTls(connect().greet(3), certificate)) {
      client.option(7, RawClient.info("disk"));
      assertThat(client.replies().getLast().type()).isEqualTo(answer);
      if (answer == RawClient.ACK) {
        assertThat(server().server.clients().getFirst().subject()).isEqualTo("CN=alice,O=Example");
      } else {
        client.option(7, RawClient.info("rom"));
        assertThat(client.replies().getLast().type()).isEqualTo(RawClient.ACK);
      }
    }
  }

  @Test
  void whereEveryClientIsVerifiedOneWithoutACertificateGetsNowhere() throws Exception {
    require(Verification.REQUIRED);
    assertThatThrownBy(() -> goUnderTls(null)).isInstanceOf(IOException.class);
    assertThatThrownBy(() -> goUnderTls(STRANGER)).isInstanceOf(IOException.class);
    assertThat(goUnderTls(ALICE)).isEqualTo(RawClient.ACK);
  }

  // --- shared keys

  static Stream<ProtocolVersion> versions() {
    return Stream.of(ProtocolVersion.TLSv12, ProtocolVersion.TLSv13);
  }

  @ParameterizedTest
  @MethodSource("versions")
  void aSharedKeyOpensWhatIsForItsName(ProtocolVersion version) throws Exception {
    Path file = Files.writeString(folder.resolve("keys"), "alice:00ff\nbob:0102\n");
    ExportRule aliceOnly = new ExportRule(false, Set.of("alice"), 100);
    server =
        new ServerFixture(
            true,
            HandshakeLimits.DEFAULT,
            new AccessRules(TlsMode.REQUIRE, 100, ANYBODY, Map.of("disk", aliceOnly)),
            PskCredentials.of(file));
    byte[] data = new byte[100_000];
    data[99_999] = 1;
    try (RawClient client = psk("alice", "00ff", version)) {
      client.option(7, RawClient.info("disk"));
      assertThat(client.replies().getLast().type()).isEqualTo(RawClient.ACK);
      client.send(RawClient.write(0, 1, 0, data));
      assertThat(client.error(1)).isZero();
      client.send(RawClient.request(0, 0, 2, 0, data.length));
      assertThat(client.error(2)).isZero();
      assertThat(client.data(data.length)).isEqualTo(data);
      assertThat(server().server.clients().getFirst().subject()).isEqualTo("alice");
    }
    try (RawClient client = psk("bob", "0102", version)) {
      client.option(7, RawClient.info("disk"));
      assertThat(client.replies().getLast().type()).isEqualTo(RawClient.POLICY);
    }
    assertThatThrownBy(() -> psk("alice", "00fe", version)).isInstanceOf(IOException.class);
    assertThatThrownBy(() -> psk("carol", "00ff", version)).isInstanceOf(IOException.class);
  }

  // --- credentials that change

  @Test
  void newCertificatesServeNewConnectionsAndOldOnesGoOn() throws Exception {
    require(Verification.NONE);
    try (RawClient old = startTls(connect().greet(3), null)) {
      TestCertificates next = new TestCertificates("Next CA");
      // One after the other, as an administrator would; in between nothing fits together.
      X509Bundle certificate = next.issue("CN=localhost");
      Files.writeString(folder.resolve("server-cert.pem"), certificate.getCertificatePathPEM());
      assertThat(goUnderTls(null)).isEqualTo(RawClient.ACK);
      Files.writeString(folder.resolve("server-key.pem"), certificate.getPrivateKeyPEM());
      Awaitility.await("the new certificate")
          .ignoreExceptions()
          .until(() -> {
            try (RawClient client = connect().greet(3).option(STARTTLS, new byte[0])) {
              client.reply();
              client.secure(TlsClients.x509(next.authority(), null));
              return true;
            }
          });
      old.option(7, RawClient.info("disk"));
      assertThat(old.replies().getLast().type()).isEqualTo(RawClient.ACK);
      assertThat(old.isInSync()).isTrue();
    }
  }

  // ---

  private void require(Verification verification) throws Exception {
    start(new AccessRules(TlsMode.REQUIRE, 100, ANYBODY, Map.of()), verification);
  }

  private void start(AccessRules rules, Verification verification) throws Exception {
    CA.writeServer(folder, "CN=localhost");
    X509Credentials credentials = X509Credentials.in(folder, verification);
    server = new ServerFixture(true, HandshakeLimits.DEFAULT, rules, credentials);
  }

  private void requirePsk(String line) throws IOException, CredentialException {
    Path file = Files.writeString(folder.resolve("keys"), line);
    server =
        new ServerFixture(
            true,
            HandshakeLimits.DEFAULT,
            new AccessRules(TlsMode.REQUIRE, 100, ANYBODY, Map.of()),
            PskCredentials.of(file));
  }

  private ServerFixture server() {
    if (server == null) {
      throw new AssertionError("not started");
    }
    return server;
  }

  private RawClient connect() throws IOException {
    return server().connect();
  }

  private static RawClient startTls(RawClient client, @Nullable X509Bundle own) throws IOException {
    client.option(STARTTLS, new byte[0]);
    assertThat(client.reply().type()).isEqualTo(RawClient.ACK);
    return client.secure(TlsClients.x509(CA.authority(), own));
  }

  private RawClient psk(String name, String key, ProtocolVersion version) throws IOException {
    RawClient client = connect().greet(3).option(STARTTLS, new byte[0]);
    client.reply();
    return client.secure(TlsClients.psk(name, key, version));
  }

  private int goUnderTls(@Nullable X509Bundle own) throws IOException {
    try (RawClient client = startTls(connect().greet(3), own)) {
      client.option(7, RawClient.info("disk"));
      return client.replies().getLast().type();
    }
  }

  private static List<String> namesOf(RawClient client) throws IOException {
    client.option(3, new byte[0]);
    return client.replies().stream()
        .filter(reply -> reply.type() == 2)
        .map(reply -> {
          ByteBuffer data = ByteBuffer.wrap(reply.data());
          byte[] name = new byte[data.getInt()];
          data.get(name);
          return new String(name, StandardCharsets.UTF_8);
        })
        .toList();
  }
}
