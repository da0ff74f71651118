package io.nbdmirror.nbd.listen;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.nbdmirror.nbd.handshake.HandshakeLimits;
import io.nbdmirror.nbd.tls.TlsMode;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

class ConnectionLimitsTest {
  private final ListAppender<ILoggingEvent> log = new ListAppender<>();
  private final Logger logger = (Logger) LoggerFactory.getLogger(ConnectionStory.class);
  private final List<RawClient> clients = new ArrayList<>();

  @BeforeEach
  void listen() {
    log.start();
    logger.addAppender(log);
  }

  @AfterEach
  void disconnect() throws IOException {
    logger.detachAppender(log);
    for (RawClient client : clients) {
      client.close();
    }
  }

  private static ServerFixture serverOf(int inAll, int ofDisk) throws IOException {
    AccessRules rules =
        new AccessRules(
            TlsMode.OFF,
            inAll,
            new ExportRule(false, Set.of(), inAll),
            Map.of("disk", new ExportRule(false, Set.of(), ofDisk)));
    return new ServerFixture(true, HandshakeLimits.DEFAULT, rules, null);
  }

  private RawClient connect(ServerFixture server) throws IOException {
    RawClient client = server.connect();
    clients.add(client);
    return client;
  }

  private List<String> lines() {
    return List.copyOf(log.list).stream().map(ILoggingEvent::getFormattedMessage).toList();
  }

  @Test
  void anExportTakesAsManyAsItMayAndThenOneMoreWhenOneLeaves() throws IOException {
    try (ServerFixture server = serverOf(100, 2)) {
      RawClient first = connect(server).go("disk");
      connect(server).go("disk");
      RawClient third = connect(server).greet(3);
      third.option(7, RawClient.info("disk"));
      RawClient.OptionReply refusal = third.reply();
      assertThat(refusal.type()).isEqualTo(RawClient.POLICY);
      assertThat(refusal.data()).asString().contains("2 connections already");
      third.option(7, RawClient.info("rom"));
      assertThat(third.replies().getLast().type()).isEqualTo(RawClient.ACK);

      first.send(RawClient.request(0, 2, 1, 0, 0));
      assertThat(first.isClosed()).isTrue();
      RawClient fourth = connect(server).greet(3);
      Awaitility.await("the place of the first")
          .until(() -> {
            fourth.option(7, RawClient.info("disk"));
            return fourth.replies().getLast().type() == RawClient.ACK;
          });
    }
  }

  @Test
  void whoComesBeforeTheExportsAreThereWaitsForThem() throws IOException {
    try (ServerFixture server = serverOf(10, 10)) {
      server.server.keepClientsWaiting();
      InetSocketAddress address =
          (InetSocketAddress) server.server.listen(ListenAddress.parse("tcp:127.0.0.1:0")).socket();
      RawClient early = new RawClient(address);
      clients.add(early);
      connect(server).go("disk");
      assertThat(server.server.clients()).as("who has been taken").hasSize(1);
      server.server.takeClients();
      early.go("disk");
    }
  }

  @Test
  void whoAsksForInformationTakesNoPlace() throws IOException {
    try (ServerFixture server = serverOf(100, 1)) {
      RawClient client = connect(server).greet(3);
      for (int i = 0; i < 5; i++) {
        client.option(6, RawClient.info("disk"));
        assertThat(client.replies().getLast().type()).isEqualTo(RawClient.ACK);
      }
      connect(server).go("disk");
    }
  }

  @Test
  void theLongestHandshakeMakesRoomForTheNextClient() throws IOException {
    try (ServerFixture server = serverOf(3, 3)) {
      RawClient worker = connect(server).go("disk");
      RawClient idle = connect(server).greet(3);
      RawClient later = connect(server).greet(3);
      connect(server).go("disk");
      assertThat(idle.isClosed()).isTrue();
      connect(server).go("disk");
      assertThat(later.isClosed()).isTrue();
      assertThat(worker.isInSync()).isTrue();
      assertThat(lines()).anyMatch(line -> line.contains("none had been in its handshake so long"));
    }
  }

  @Test
  void whereAllAreAtWorkTheNextIsTurnedAway() throws IOException {
    try (ServerFixture server = serverOf(2, 2)) {
      RawClient first = connect(server).go("disk");
      RawClient second = connect(server).go("disk");
      assertThat(connect(server).isClosed()).isTrue();
      assertThat(first.isInSync()).isTrue();
      assertThat(second.isInSync()).isTrue();
      assertThat(server.server.clients()).hasSize(2);
    }
  }

  @Test
  void aLineSaysWhatWasAttachedAndAnotherHowItEnded() throws IOException {
    try (ServerFixture server = serverOf(10, 10)) {
      RawClient client = connect(server).go("disk");
      client.send(RawClient.write(0, 1, 0, new byte[1000]));
      client.send(RawClient.request(0, 0, 2, 0, 500));
      client.send(RawClient.request(0, 99, 3, 0, 0));
      client.send(RawClient.request(0, 2, 4, 0, 0));
      assertThat(client.rest()).isNotEmpty();
      Awaitility.await("the last line").until(() -> lines().size() == 2);
      assertThat(lines().get(0)).matches("tcp:127.0.0.1:\\d+ attached to 'disk': fixed-newstyle.*");
      assertThat(lines().get(1))
          .matches(
              "tcp:127.0.0.1:\\d+ left 'disk' after \\d+\\.\\d{3} s: it disconnected;"
                  + " 3 requests, 1 errors, 500 bytes read, 1000 bytes written");
    }
  }

  @Test
  void aLineSaysWhyAClientCouldNotConnect() throws IOException {
    try (ServerFixture server = serverOf(10, 10)) {
      RawClient client = connect(server).greet(3);
      client.option(7, RawClient.info("dsk")).reply();
      client.close();
      Awaitility.await("its line").until(() -> lines().size() == 1);
      assertThat(lines().getFirst())
          .matches(
              "tcp:127.0.0.1:\\d+ left its handshake after \\d+\\.\\d{3} s: it closed the"
                  + " connection; refused last was GO: there is no export of that name here");
    }
  }

  @Test
  void aLineSaysThatABrokenRuleEndedIt() throws IOException {
    try (ServerFixture server = serverOf(10, 10)) {
      RawClient client = connect(server).go("disk");
      client.send(ByteBuffer.allocate(28));
      assertThat(client.isClosed()).isTrue();
      Awaitility.await("its line").until(() -> lines().size() == 2);
      assertThat(lines().get(1)).contains("0x00000000 is not how a request starts");
    }
  }
}
