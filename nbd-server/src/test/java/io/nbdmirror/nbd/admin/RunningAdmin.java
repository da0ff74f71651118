package io.nbdmirror.nbd.admin;

import io.nbdmirror.nbd.metrics.EventCalls;
import io.nbdmirror.nbd.metrics.EventTotals;
import io.nbdmirror.nbd.metrics.MetricsPage;
import io.nbdmirror.nbd.metrics.ServerMetrics;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;

/** An admin server on a free port, and a client that sends what it is told, byte for byte. */
public final class RunningAdmin implements AutoCloseable {
  private final AdminToken token = AdminToken.random();
  private final AdminServer server;

  public RunningAdmin(Control control) throws IOException {
    this(AdminAddress.parse("127.0.0.1:0"), control);
  }

  RunningAdmin(AdminAddress address, Control control) throws IOException {
    server =
        AdminServer.start(
            address,
            control,
            new MetricsPage("1.0", new ServerMetrics(() -> 0, new EventTotals(), EventCalls.NONE)),
            token,
            Duration.ofMillis(200));
  }

  public AdminAddress address() {
    return server.address();
  }

  public AdminToken token() {
    return token;
  }

  /** A whole request with the headers that every client sends. */
  Answer ask(String method, String path, String... headers) throws IOException {
    return askWithBody(method, path, "", headers);
  }

  Answer askWithBody(String method, String path, String body, String... headers)
      throws IOException {
    StringBuilder request = new StringBuilder(method + " " + path + " HTTP/1.1\r\n");
    request.append("Host: localhost\r\nConnection: close\r\n");
    for (String header : headers) {
      request.append(header).append("\r\n");
    }
    request.append("Content-Length: ").append(body.length()).append("\r\n\r\n").append(body);
    return send(request.toString());
  }

  /** Sends these bytes and takes everything up to the end of the connection. */
  Answer send(String raw) throws IOException {
    InetSocketAddress where = (InetSocketAddress) server.address().socket();
    try (Socket socket = new Socket(where.getAddress(), where.getPort())) {
      socket.setSoTimeout(10_000);
      socket.getOutputStream().write(raw.getBytes(StandardCharsets.ISO_8859_1));
      return Answer.parse(
          new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8));
    }
  }

  String bearer() {
    return "Authorization: " + token.authorization();
  }

  @Override
  public void close() {
    server.close();
  }

  record Answer(int status, String head, String body) {
    static Answer parse(String text) {
      int end = text.indexOf("\r\n\r\n");
      return new Answer(
          Integer.parseInt(text, 9, 12, 10), text.substring(0, end), text.substring(end + 4));
    }
  }
}
