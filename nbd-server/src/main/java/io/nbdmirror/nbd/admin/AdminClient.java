package io.nbdmirror.nbd.admin;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.SocketException;
import java.nio.ByteBuffer;
import java.nio.channels.AsynchronousCloseException;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.NoSuchFileException;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.Timer;
import java.util.TimerTask;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Asks a running server, over TCP or a unix socket: one connection a question, HTTP/1.1, answers of
 * known length. Blocks the calling thread.
 */
public final class AdminClient {
  private static final Duration READ_PATIENCE = Duration.ofSeconds(30);
  private static final byte[] NO_BODY = {};
  private static final int BUFFER_BYTES = 16 * 1024;
  private static final int MAX_ANSWER_BYTES = 64 * 1024 * 1024;

  private final AdminAddress address;
  private final Map<String, String> environment;

  /**
   * @param environment of the process; says where the server's token is
   */
  public AdminClient(AdminAddress address, Map<String, String> environment) {
    this.address = address;
    this.environment = environment;
  }

  /**
   * Reads a document.
   *
   * @param path percent-encoded
   * @throws IOException with the server's sentence when it refuses, or ours when it can't be asked
   */
  public byte[] get(String path) throws IOException {
    return ask("GET", path, null, NO_BODY, READ_PATIENCE);
  }

  /**
   * Has something changed, and waits as long as that takes.
   *
   * @throws IOException as {@link #get}, and when the server's token cannot be read
   */
  public byte[] post(String path) throws IOException {
    return post(path, NO_BODY);
  }

  /** As {@link #post(String)}, with a document. */
  public byte[] post(String path, Object document) throws IOException {
    return post(path, AdminJson.write(document));
  }

  private byte[] post(String path, byte[] body) throws IOException {
    requireServer();
    AdminToken token = AdminTokenFile.of(address, environment).read();
    return ask("POST", path, token, body, null);
  }

  /**
   * The server that is at the address now, to be watched while it ends.
   *
   * @throws IOException when there is none
   */
  public Presence presence() throws IOException {
    requireServer();
    AdminTokenFile file = AdminTokenFile.of(address, environment);
    return new Presence(this, file, file.read());
  }

  /** One run of a server: another one that takes its address has another token. */
  public static final class Presence {
    private static final long POLL_MILLIS = 20;

    private final AdminClient client;
    private final AdminTokenFile file;
    private final AdminToken token;

    private Presence(AdminClient client, AdminTokenFile file, AdminToken token) {
      this.client = client;
      this.file = file;
      this.token = token;
    }

    /** Waits for its end; false if that does not come in time. */
    public boolean awaitEnd(Duration patience) throws InterruptedException {
      long deadlineNanos = System.nanoTime() + patience.toNanos();
      CountDownLatch never = new CountDownLatch(1);
      while (isThere()) {
        if (System.nanoTime() - deadlineNanos > 0
            || never.await(POLL_MILLIS, TimeUnit.MILLISECONDS)) {
          return false;
        }
      }
      return true;
    }

    private boolean isThere() {
      try {
        client.requireServer();
        return token.isCarriedBy(file.read().authorization());
      } catch (IOException _) {
        return false;
      }
    }
  }

  private void requireServer() throws IOException {
    connect().close();
  }

  private SocketChannel connect() throws IOException {
    try {
      return SocketChannel.open(address.socket());
    } catch (SocketException | NoSuchFileException e) {
      throw noServer(e);
    }
  }

  private IOException noServer(IOException e) {
    return new IOException(
        "no server answers at %s; start one with serve, or say where it is with --admin"
            .formatted(address),
        e);
  }

  private byte[] ask(
      String method,
      String path,
      @Nullable AdminToken token,
      byte[] body,
      @Nullable Duration patience)
      throws IOException {
    Timer watch = new Timer("admin-client-watch", true);
    try (SocketChannel channel = connect()) {
      if (patience != null) {
        watch.schedule(closing(channel), patience.toMillis());
      }
      ByteBuffer request = ByteBuffer.wrap(request(method, path, token, body));
      while (request.hasRemaining()) {
        channel.write(request);
      }
      return body(readAll(channel));
    } catch (AsynchronousCloseException e) {
      throw new IOException("the server at %s did not answer in time".formatted(address), e);
    } finally {
      watch.cancel();
    }
  }

  private static TimerTask closing(SocketChannel channel) {
    return new TimerTask() {
      @Override
      public void run() {
        try {
          channel.close();
        } catch (IOException e) {
          throw new UncheckedIOException(e);
        }
      }
    };
  }

  private static byte[] request(
      String method, String path, @Nullable AdminToken token, byte[] body) {
    StringBuilder head = new StringBuilder();
    head.append(method).append(' ').append(path).append(" HTTP/1.1\r\n");
    head.append("Host: localhost\r\nConnection: close\r\nAccept: */*\r\n");
    if (token != null) {
      head.append("Authorization: ").append(token.authorization()).append("\r\n");
      head.append("Content-Length: ").append(body.length).append("\r\n");
    }
    byte[] start = head.append("\r\n").toString().getBytes(StandardCharsets.US_ASCII);
    byte[] request = Arrays.copyOf(start, start.length + body.length);
    System.arraycopy(body, 0, request, start.length, body.length);
    return request;
  }

  private byte[] readAll(SocketChannel channel) throws IOException {
    ByteArrayOutputStream answer = new ByteArrayOutputStream();
    ByteBuffer buffer = ByteBuffer.allocate(BUFFER_BYTES);
    while (channel.read(buffer) >= 0) {
      answer.write(buffer.array(), 0, buffer.position());
      buffer.clear();
      if (answer.size() > MAX_ANSWER_BYTES) {
        throw notHttp();
      }
    }
    return answer.toByteArray();
  }

  /** The body of an answer that says 200; any other becomes an exception with its sentence. */
  private byte[] body(byte[] answer) throws IOException {
    String head = new String(answer, StandardCharsets.ISO_8859_1);
    int end = head.indexOf("\r\n\r\n");
    if (end < 0 || !head.startsWith("HTTP/1.1 ") || end < 12) {
      throw notHttp();
    }
    byte[] body = Arrays.copyOfRange(answer, end + 4, answer.length);
    if (head.startsWith("200", 9)) {
      return body;
    }
    String sentence = AdminJson.read(body, AdminError.class).error();
    throw new IOException(sentence);
  }

  private IOException notHttp() {
    return new IOException(
        "what answers at %s is no nbdmirror server; say where it is with --admin"
            .formatted(address));
  }
}
