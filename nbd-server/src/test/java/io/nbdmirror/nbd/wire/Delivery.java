package io.nbdmirror.nbd.wire;

import io.nbdmirror.nbd.wire.WireCase.Exchange;
import io.nbdmirror.nbd.wire.WireTransport.Connection;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;

/** In what pieces a case's bytes are sent. */
enum Delivery {
  /** Each message by itself, when the one before is answered. */
  MESSAGE_BY_MESSAGE,
  /** Likewise, but each byte by itself; long payloads in larger pieces. */
  BYTE_BY_BYTE,
  /** All that the case sends at once, and the answers after. */
  ALL_AT_ONCE;

  private static final int BYTES_ALONE = 600;

  void run(WireCase testCase, Connection connection) throws IOException {
    Received received = new Received(connection);
    if (this == ALL_AT_ONCE) {
      List<byte[]> sent = new ArrayList<>();
      List<Expected> expected = new ArrayList<>();
      for (Exchange exchange : testCase.exchanges()) {
        sent.add(exchange.sent());
        expected.addAll(exchange.expected());
      }
      connection.send(Sent.join(sent.toArray(byte[][]::new)));
      received.expect(expected);
      return;
    }
    for (Exchange exchange : testCase.exchanges()) {
      send(connection, exchange.sent());
      received.expect(exchange.expected());
    }
  }

  private void send(Connection connection, byte[] bytes) throws IOException {
    int at = 0;
    while (this == BYTE_BY_BYTE && at < Math.min(bytes.length, BYTES_ALONE)) {
      connection.send(new byte[] {bytes[at++]});
    }
    if (at < bytes.length) {
      connection.send(Arrays.copyOfRange(bytes, at, bytes.length));
    }
  }

  /** What came and has not been compared yet. */
  private static final class Received {
    private final Connection connection;
    private byte[] bytes = {};
    private int at;

    Received(Connection connection) {
      this.connection = connection;
    }

    void expect(List<Expected> messages) throws IOException {
      List<Expected> missing = new ArrayList<>(messages);
      boolean closed = missing.removeIf(Expected::isEnd);
      while (!missing.isEmpty()) {
        if (!takeOne(missing)) {
          byte[] more = connection.receive();
          if (more.length == 0) {
            throw new AssertionError("the server closed, and these did not come: " + missing);
          }
          bytes = Sent.join(Arrays.copyOfRange(bytes, at, bytes.length), more);
          at = 0;
        }
      }
      if (closed) {
        byte[] more = at < bytes.length ? bytes : connection.receive();
        if (more.length > 0) {
          throw new AssertionError(
              "not closed, but " + HexFormat.of().formatHex(more, at, more.length));
        }
      }
    }

    /** Whether one of the messages was there in full. */
    private boolean takeOne(List<Expected> missing) {
      boolean possible = false;
      for (Expected message : missing) {
        int consumed = message.consume(bytes, at, bytes.length);
        if (consumed >= 0) {
          at += consumed;
          missing.remove(message);
          return true;
        }
        possible |= consumed == Expected.MORE;
      }
      if (!possible) {
        int shown = Math.min(bytes.length - at, 200);
        throw new AssertionError(
            HexFormat.of().formatHex(bytes, at, at + shown) + " came and not " + missing);
      }
      return false;
    }
  }
}
