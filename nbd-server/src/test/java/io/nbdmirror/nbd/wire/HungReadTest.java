package io.nbdmirror.nbd.wire;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.io.BlockDevice;
import io.nbdmirror.io.Completion;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.io.Extent;
import io.nbdmirror.io.ExtentsCompletion;
import io.nbdmirror.nbd.export.Export;
import io.nbdmirror.nbd.export.ExportRegistry;
import io.netty.buffer.ByteBuf;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Reads of a device that hangs: it keeps the buffer, and may write to it at any time. */
class HungReadTest {
  private static final int SIZE = 1 << 20;

  @ParameterizedTest
  @CsvSource({
    "SIMPLE, 4096, 1",
    "STRUCTURED, 4096, 1",
    "EXTENDED, 4096, 16",
    "SIMPLE, 131072, 16",
    "STRUCTURED, 524288, 16",
    "EXTENDED, 524288, 1"
  })
  void aHungReadIsMadeAgainWithABufferThatNobodyElseHolds(Framing framing, int length, int hangs) {
    HangingDevice device = new HangingDevice(hangs);
    EmbeddedServer server = attached(framing, device);
    server.send(Sent.request(framing, 0, Sent.READ, 1, 0, length));
    byte[] reply = server.received();
    assertThat(reply).isNotEmpty().doesNotContain(HangingDevice.LATE);
    assertThat(reply[reply.length - 1]).isEqualTo(HangingDevice.GOOD);
    assertThat(device.held).hasSizeGreaterThanOrEqualTo(hangs);
    server.close();
    device.letGo();
    assertThat(device.held).allMatch(buffer -> buffer.refCnt() == 0);
    assertThat(server.usedBytes()).isZero();
  }

  @ParameterizedTest
  @EnumSource(Framing.class)
  void aReadThatHangsForEverFailsInTheEnd(Framing framing) throws Exception {
    HangingDevice device = new HangingDevice(Integer.MAX_VALUE);
    EmbeddedServer server = attached(framing, device);
    server.send(Sent.request(framing, 0, Sent.READ, 1, 0, 4096));
    byte[] reply = server.received();
    assertThat(Expected.failed(framing, Expected.EIO, 1, 0).consume(reply, 0, reply.length))
        .isEqualTo(reply.length);
    assertThat(device.held).hasSize(17);
    server.close();
    device.letGo();
    assertThat(device.held).allMatch(buffer -> buffer.refCnt() == 0);
  }

  private static EmbeddedServer attached(Framing framing, BlockDevice device) {
    ExportRegistry exports = new ExportRegistry();
    exports.add(new Export("disk", "", device, EmbeddedServer.loop(), false, 4096));
    EmbeddedServer server = new EmbeddedServer(exports);
    for (WireCase.Exchange exchange : RequestCases.attach(framing, "disk")) {
      server.send(exchange.sent());
    }
    server.received();
    return server;
  }

  /** Hangs on its first reads; a third of it, from 32 KiB on, is a hole. */
  private static final class HangingDevice implements BlockDevice {
    static final byte GOOD = 1;
    static final byte LATE = 66;

    private final List<ByteBuf> held = new ArrayList<>();
    private final List<Integer> places = new ArrayList<>();
    private int hangs;

    HangingDevice(int hangs) {
      this.hangs = hangs;
    }

    /** What was given up comes at last, while what was asked for instead is under way. */
    private void scribble() {
      for (int i = 0; i < held.size(); i++) {
        held.get(i).setByte(places.get(i), LATE);
      }
    }

    void letGo() {
      held.forEach(ByteBuf::release);
    }

    @Override
    public void read(long offset, ByteBuf target, int index, int length, Completion done) {
      if (hangs > 0) {
        hangs--;
        held.add(target.retain());
        places.add(index);
        done.completed(new DeviceException(Errno.ETIMEDOUT, "it hangs"));
        return;
      }
      for (int i = 0; i < length; i++) {
        target.setByte(index + i, GOOD);
      }
      scribble();
      done.completed(null);
    }

    @Override
    public void extents(long offset, long length, ExtentsCompletion done) {
      long hole = 32 << 10;
      done.completed(
          List.of(
              new Extent(offset, hole, false),
              new Extent(offset + hole, hole, true),
              new Extent(offset + 2 * hole, length - 2 * hole, false)),
          null);
    }

    @Override
    public void write(
        long offset, ByteBuf source, int index, int length, boolean fua, Completion done) {
      throw new UnsupportedOperationException();
    }

    @Override
    public void flush(Completion done) {
      throw new UnsupportedOperationException();
    }

    @Override
    public void writeZeroes(
        long offset, long length, boolean mayDiscard, boolean fua, Completion done) {
      throw new UnsupportedOperationException();
    }

    @Override
    public boolean discards() {
      return true;
    }

    @Override
    public void discard(long offset, long length, boolean fua, Completion done) {
      throw new UnsupportedOperationException();
    }

    @Override
    public String path() {
      return "hanging";
    }

    @Override
    public long sizeBytes() {
      return SIZE;
    }

    @Override
    public int blockBytes() {
      return 1;
    }

    @Override
    public void close() {}
  }
}
