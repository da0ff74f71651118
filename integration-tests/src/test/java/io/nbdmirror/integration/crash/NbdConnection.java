package io.nbdmirror.integration.crash;

import java.io.Closeable;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;

/**
 * The little of the NBD protocol that a load needs, over a unix socket: requests go out without
 * waiting, replies are taken one by one. One thread may send while another receives.
 */
final class NbdConnection implements Closeable {
  private static final long OPTION_MAGIC = 0x49484156454F5054L;
  private static final int REQUEST_MAGIC = 0x25609513;
  private static final int REPLY_MAGIC = 0x67446698;
  private static final int OPTION_GO = 7;
  private static final int REPLY_ACK = 1;
  private static final int READ = 0;
  private static final int WRITE = 1;
  private static final int FLUSH = 3;

  private final SocketChannel socket;
  private final DataInputStream in;
  private final OutputStream out;

  NbdConnection(Path unixSocket) throws IOException {
    socket = SocketChannel.open(StandardProtocolFamily.UNIX);
    socket.connect(UnixDomainSocketAddress.of(unixSocket));
    in = new DataInputStream(Channels.newInputStream(socket));
    out = Channels.newOutputStream(socket);
    shakeHands();
  }

  private void shakeHands() throws IOException {
    in.skipNBytes(18);
    ByteBuffer hello = ByteBuffer.allocate(4 + 16 + 6);
    hello.putInt(3).putLong(OPTION_MAGIC).putInt(OPTION_GO).putInt(6).putInt(0).putShort((short) 0);
    out.write(hello.array());
    int kind = 0;
    while (kind != REPLY_ACK) {
      in.skipNBytes(12);
      kind = in.readInt();
      in.skipNBytes(in.readInt());
      if (kind < 0) {
        throw new IOException("the server refused GO: " + Integer.toHexString(kind));
      }
    }
  }

  void sendWrite(long cookie, long offset, byte[] data) throws IOException {
    send(WRITE, cookie, offset, data.length, data);
  }

  void sendFlush(long cookie) throws IOException {
    send(FLUSH, cookie, 0, 0, new byte[0]);
  }

  private void send(int command, long cookie, long offset, int length, byte[] payload)
      throws IOException {
    ByteBuffer request = ByteBuffer.allocate(28 + payload.length);
    request.putInt(REQUEST_MAGIC).putInt(command).putLong(cookie).putLong(offset).putInt(length);
    out.write(request.put(payload).array());
  }

  /** Waits for the next reply and returns its cookie. */
  long receive() throws IOException {
    int magic = in.readInt();
    int error = in.readInt();
    long cookie = in.readLong();
    if (magic != REPLY_MAGIC || error != 0) {
      throw new AssertionError("reply %x with error %d".formatted(magic, error));
    }
    return cookie;
  }

  /** Reads at once; no other request may be in flight. */
  byte[] read(long offset, int length) throws IOException {
    send(READ, 0, offset, length, new byte[0]);
    receive();
    return in.readNBytes(length);
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
