package io.nbdmirror.nbd.listen;

import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * Speaks NBD byte by byte as a test tells it to, well or badly; knows none of the server's code.
 */
final class RawClient implements AutoCloseable {
  static final int ACK = 1;
  static final int UNSUP = 0x80000001;
  static final int POLICY = 0x80000002;
  static final int TLS_REQD = 0x80000005;
  static final int INVALID = 0x80000003;
  static final int UNKNOWN = 0x80000006;
  static final int TOO_BIG = 0x80000009;

  /** One option reply; compared by nobody. */
  @SuppressWarnings("ArrayRecordComponent")
  record OptionReply(int option, int type, byte[] data) {}

  private final Socket socket;
  private DataInputStream in;
  private DataOutputStream out;

  /** How many bytes go in one write; small ones split every message. */
  private int pieceBytes = Integer.MAX_VALUE;

  RawClient(InetSocketAddress address) throws IOException {
    socket = new Socket();
    socket.connect(address, 5000);
    socket.setSoTimeout(10_000);
    socket.setTcpNoDelay(true);
    in = new DataInputStream(socket.getInputStream());
    out = new DataOutputStream(socket.getOutputStream());
  }

  /** How TLS is put over two streams. */
  @FunctionalInterface
  interface TlsClient {
    Streams over(Socket socket) throws IOException;
  }

  /** What goes through TLS. */
  record Streams(InputStream in, OutputStream out) {}

  /** From here on everything goes through TLS. */
  RawClient secure(TlsClient tls) throws IOException {
    Streams secured = tls.over(socket);
    in = new DataInputStream(secured.in());
    out = new DataOutputStream(secured.out());
    return this;
  }

  RawClient inPiecesOf(int bytes) {
    pieceBytes = bytes;
    return this;
  }

  /** Reads the greeting and answers with these flags. */
  RawClient greet(int clientFlags) throws IOException {
    if (in.readLong() != 0x4e42444d41474943L || in.readLong() != 0x49484156454F5054L) {
      throw new AssertionError("not a greeting");
    }
    if (in.readUnsignedShort() != 3) {
      throw new AssertionError("not the handshake flags of fixed newstyle and no zeroes");
    }
    return send(ByteBuffer.allocate(4).putInt(clientFlags));
  }

  RawClient send(ByteBuffer message) throws IOException {
    byte[] bytes = new byte[message.capacity()];
    message.get(0, bytes);
    for (int at = 0; at < bytes.length; ) {
      int length = Math.min(pieceBytes, bytes.length - at);
      out.write(bytes, at, length);
      out.flush();
      at += length;
    }
    return this;
  }

  RawClient option(int code, byte[] data) throws IOException {
    return send(
        ByteBuffer.allocate(16 + data.length)
            .putLong(0x49484156454F5054L)
            .putInt(code)
            .putInt(data.length)
            .put(data));
  }

  OptionReply reply() throws IOException {
    if (in.readLong() != 0x0003e889045565a9L) {
      throw new AssertionError("not an option reply");
    }
    int option = in.readInt();
    int type = in.readInt();
    byte[] data = new byte[in.readInt()];
    in.readFully(data);
    return new OptionReply(option, type, data);
  }

  /** All replies to one option, the ACK or error that ends them included. */
  List<OptionReply> replies() throws IOException {
    List<OptionReply> replies = new ArrayList<>();
    OptionReply reply;
    do {
      reply = reply();
      replies.add(reply);
    } while (reply.type() != ACK && reply.type() > 0);
    return replies;
  }

  /** The data of INFO and GO. */
  static byte[] info(String name, int... types) {
    byte[] bytes = name.getBytes(StandardCharsets.UTF_8);
    ByteBuffer data = ByteBuffer.allocate(4 + bytes.length + 2 + 2 * types.length);
    data.putInt(bytes.length).put(bytes).putShort((short) types.length);
    for (int type : types) {
      data.putShort((short) type);
    }
    return data.array();
  }

  /** Handshake up to transmission. */
  RawClient go(String name) throws IOException {
    greet(3);
    option(7, info(name));
    List<OptionReply> replies = replies();
    if (replies.getLast().type() != ACK) {
      throw new AssertionError("GO was refused: " + replies);
    }
    return this;
  }

  static ByteBuffer request(int flags, int type, long cookie, long offset, int length) {
    return ByteBuffer.allocate(28)
        .putInt(0x25609513)
        .putShort((short) flags)
        .putShort((short) type)
        .putLong(cookie)
        .putLong(offset)
        .putInt(length);
  }

  static ByteBuffer write(int flags, long cookie, long offset, byte[] data) {
    return ByteBuffer.allocate(28 + data.length)
        .put(request(flags, 1, cookie, offset, data.length).array())
        .put(data);
  }

  /** Reads a simple reply without data; its error, the cookie checked. */
  int error(long cookie) throws IOException {
    if (in.readInt() != 0x67446698) {
      throw new AssertionError("not a simple reply");
    }
    int error = in.readInt();
    long answered = in.readLong();
    if (answered != cookie) {
      throw new AssertionError("an answer to " + answered + ", not to " + cookie);
    }
    return error;
  }

  byte[] data(int length) throws IOException {
    byte[] data = new byte[length];
    in.readFully(data);
    return data;
  }

  long readLong() throws IOException {
    return in.readLong();
  }

  int readUnsignedShort() throws IOException {
    return in.readUnsignedShort();
  }

  /** Whether the next request on this connection works. */
  boolean isInSync() throws IOException {
    send(request(0, 0, 4242, 0, 512));
    return error(4242) == 0 && data(512).length == 512;
  }

  /** Whether the server has closed the connection, with nothing more said. */
  boolean isClosed() {
    try {
      return in.read() < 0;
    } catch (SocketException | EOFException e) {
      return true;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** All that comes until the server closes the connection. */
  byte[] rest() throws IOException {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    in.transferTo(all);
    return all.toByteArray();
  }

  int localPort() {
    return socket.getLocalPort();
  }

  /** Sends no more; what is still to come can be read. */
  void finish() throws IOException {
    socket.shutdownOutput();
  }

  /** Ends it as a client that is killed does: with a reset. */
  void vanish() throws IOException {
    socket.setSoLinger(true, 0);
    socket.close();
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
