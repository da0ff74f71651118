package io.nbdmirror.nbd.wire;

import static io.nbdmirror.nbd.wire.Expected.EINVAL;
import static io.nbdmirror.nbd.wire.Expected.EIO;
import static io.nbdmirror.nbd.wire.Expected.closed;
import static io.nbdmirror.nbd.wire.Expected.done;
import static io.nbdmirror.nbd.wire.Expected.failed;
import static io.nbdmirror.nbd.wire.Expected.hole;
import static io.nbdmirror.nbd.wire.Sent.BLOCK_STATUS;
import static io.nbdmirror.nbd.wire.Sent.CACHE;
import static io.nbdmirror.nbd.wire.Sent.DF;
import static io.nbdmirror.nbd.wire.Sent.FLUSH;
import static io.nbdmirror.nbd.wire.Sent.FUA;
import static io.nbdmirror.nbd.wire.Sent.PAYLOAD_LEN;
import static io.nbdmirror.nbd.wire.Sent.READ;
import static io.nbdmirror.nbd.wire.Sent.REQ_ONE;
import static io.nbdmirror.nbd.wire.Sent.TRIM;
import static io.nbdmirror.nbd.wire.Sent.WRITE;
import static io.nbdmirror.nbd.wire.Sent.WRITE_ZEROES;
import static io.nbdmirror.nbd.wire.Sent.data;
import static io.nbdmirror.nbd.wire.Sent.int32;
import static io.nbdmirror.nbd.wire.Sent.int64;
import static io.nbdmirror.nbd.wire.Sent.join;
import static io.nbdmirror.nbd.wire.Sent.request;
import static io.nbdmirror.nbd.wire.Sent.write;
import static io.nbdmirror.nbd.wire.WireCase.on;

import io.nbdmirror.nbd.wire.WireCase.Exchange;
import java.util.ArrayList;
import java.util.List;

/** What only replies in chunks can say: holes, the status of blocks, payloads of other commands. */
final class ChunkCases {
  private static final int SIZE = WireExports.SIZE;
  private static final int MIB = 1 << 20;
  private static final int KIB = 1 << 10;
  private static final String ALLOCATION = "base:allocation";
  private static final String BITMAP = "qemu:dirty-bitmap:write-intent";
  private static final String STATE = "x-nbdmirror:state";

  private final Framing framing;
  private final List<WireCase> cases = new ArrayList<>();

  private ChunkCases(Framing framing) {
    this.framing = framing;
  }

  static List<WireCase> all() {
    List<WireCase> all = new ArrayList<>();
    all.addAll(new ChunkCases(Framing.STRUCTURED).cases());
    all.addAll(new ChunkCases(Framing.EXTENDED).cases());
    return all;
  }

  private void add(String name, Exchange... exchanges) {
    List<Exchange> all = RequestCases.attach(framing, "disk", ALLOCATION, BITMAP, STATE);
    all.addAll(List.of(exchanges));
    all.add(on(request(framing, 0, FLUSH, 98, 0, 0), done(framing, FLUSH, 98, 0)));
    all.add(on(RequestCases.goodbye(framing), closed()));
    cases.add(WireCase.of(name + " " + framing, all.toArray(Exchange[]::new)));
  }

  private Exchange writes(long cookie, long offset, byte[] data) {
    return on(write(framing, 0, cookie, offset, data), done(framing, WRITE, cookie, offset));
  }

  /** Back to a disk of nothing but holes. */
  private Exchange cleared() {
    return on(request(framing, 0, WRITE_ZEROES, 97, 0, SIZE), done(framing, WRITE_ZEROES, 97, 0));
  }

  private Exchange status(int flags, long cookie, long offset, long length, Expected... expected) {
    return on(request(framing, flags, BLOCK_STATUS, cookie, offset, length), expected);
  }

  private Exchange statusRefused(int flags, long offset, long length) {
    return on(
        request(framing, flags, BLOCK_STATUS, 7, offset, length),
        failed(framing, EINVAL, 7, offset));
  }

  private Expected extents(boolean last, long cookie, long offset, int context, long... extents) {
    return Expected.status(framing, last, cookie, offset, context, extents);
  }

  private List<WireCase> cases() {
    holes();
    states();
    if (framing == Framing.EXTENDED) {
      payloads();
      longLengths();
    }
    return cases;
  }

  private void holes() {
    add(
        "a hole travels as a hole",
        on(request(framing, 0, READ, 1, 0, 512 * KIB), hole(framing, true, 1, 0, 0, 512 * KIB)));
    add(
        "data and holes travel in chunks of one reply",
        writes(1, 100 * KIB, data(50 * KIB)),
        on(request(framing, 0, READ, 2, 1, 300 * KIB), join3(2, 1, 300 * KIB)),
        cleared());
    add(
        "with DF a hole is data like any other",
        on(
            request(framing, DF, READ, 1, 0, 512 * KIB),
            Expected.data(framing, true, 1, 0, 0, new byte[512 * KIB])));
    add(
        "holes in short reads are read",
        on(
            request(framing, 0, READ, 1, 0, 16 * KIB),
            Expected.data(framing, true, 1, 0, 0, new byte[16 * KIB])));
    add(
        "short holes between data are read",
        writes(1, 0, data(60 * KIB)),
        writes(2, 68 * KIB, data(60 * KIB)),
        on(
            request(framing, 0, READ, 3, 0, 128 * KIB),
            Expected.data(
                framing, true, 3, 0, 0, join(data(60 * KIB), new byte[8 * KIB], data(60 * KIB)))),
        cleared());
    add(
        "an error in one part of a sparse read is told for all of it",
        writes(1, SIZE - 4096L, data(4096)),
        on(
            request(framing, 0, READ, 2, SIZE - 512 * KIB, 512 * KIB),
            failed(framing, EIO, 2, SIZE - 512 * KIB)),
        cleared());
  }

  /**
   * What a read at {@code offset} gives where 50 KiB of data lie at 100 KiB, whole blocks of it.
   */
  private Expected[] join3(long cookie, long offset, int length) {
    int dataStart = 100 * KIB;
    int dataEnd = 152 * KIB;
    return new Expected[] {
      hole(framing, false, cookie, offset, offset, (int) (dataStart - offset)),
      Expected.data(
          framing, false, cookie, offset, dataStart, join(data(50 * KIB), new byte[2 * KIB])),
      hole(framing, true, cookie, offset, dataEnd, (int) (offset + length - dataEnd))
    };
  }

  private void states() {
    add(
        "every chosen context answers, and the last says so",
        writes(1, 256 * KIB, data(128 * KIB)),
        status(
            0,
            2,
            0,
            512 * KIB,
            extents(false, 2, 0, 1, 256 * KIB, 3, 128 * KIB, 0, 128 * KIB, 3),
            extents(false, 2, 0, 2, stripes(0, 512 * KIB, 64 * KIB)),
            extents(true, 2, 0, 3, stripes(0, 4096, 1))),
        cleared());
    add(
        "a range may begin and end anywhere",
        status(
            FUA,
            2,
            65_000,
            1000,
            extents(false, 2, 65_000, 1, 1000, 3),
            extents(false, 2, 65_000, 2, 536, 0, 464, 1),
            extents(true, 2, 65_000, 3, stripes(65_000, 1000, 1))));
    add(
        "REQ_ONE gives one extent of each, no longer than the range",
        status(
            REQ_ONE,
            2,
            64 * KIB,
            512 * KIB,
            extents(false, 2, 64 * KIB, 1, 512 * KIB, 3),
            extents(false, 2, 64 * KIB, 2, 64 * KIB, 1),
            extents(true, 2, 64 * KIB, 3, 1, 0)));
    add("the status of nothing", statusRefused(0, 0, 0));
    add("the status beyond the end", statusRefused(0, SIZE - 512L, 513));
    add("the status of a sum over 64 bits", statusRefused(0, -1, 512));
    add("the status with a wrong flag", statusRefused(DF, 0, 512));
  }

  /** Extents of one length with the flags 1 and 0 in turn, and at most 4096 of them. */
  private static long[] stripes(long offset, long length, long stripe) {
    int count = (int) Math.min(4096, (length + stripe - 1) / stripe);
    long[] extents = new long[2 * count];
    for (int i = 0; i < count; i++) {
      extents[2 * i] = stripe;
      extents[2 * i + 1] = (offset / stripe + i) & 1;
    }
    return extents;
  }

  private byte[] chosen(long cookie, long offset, long length, int... contexts) {
    byte[] payload = int64(length);
    for (int context : contexts) {
      payload = join(payload, int32(context));
    }
    return join(
        request(framing, PAYLOAD_LEN, BLOCK_STATUS, cookie, offset, payload.length), payload);
  }

  private void payloads() {
    add(
        "a payload chooses among the contexts",
        on(chosen(1, 65_536, 65_536, 2), extents(true, 1, 65_536, 2, 65_536, 1)),
        on(
            chosen(2, 0, 65_536, 2, 1),
            extents(false, 2, 0, 1, 65_536, 3),
            extents(true, 2, 0, 2, 65_536, 0)));
    refusedPayload("an unknown context in a payload", chosen(7, 0, 512, 4));
    refusedPayload("the number 0 in a payload", chosen(7, 0, 512, 0));
    refusedPayload("a context twice in a payload", chosen(7, 0, 512, 1, 1));
    refusedPayload("no context in a payload", chosen(7, 0, 512));
    refusedPayload("too many contexts in a payload", chosen(7, 0, 512, 1, 2, 3, 1));
    refusedPayload("a payload's range beyond the end", chosen(7, 0, SIZE + 1L, 1));
    refusedPayload("a payload's range of nothing", chosen(7, 0, 0, 1));
    refusedPayload("a payload's range of 2^63", chosen(7, 0, Long.MIN_VALUE, 1));
    refusedPayload(
        "a payload of half a number",
        join(request(framing, PAYLOAD_LEN, BLOCK_STATUS, 7, 0, 14), new byte[14]));
    for (int type : new int[] {READ, TRIM, CACHE, FLUSH, WRITE_ZEROES, 99}) {
      refusedPayload(
          "a payload that command %d does not take is drained".formatted(type),
          join(request(framing, PAYLOAD_LEN, type, 7, 0, 3000), data(3000)));
    }
    add(
        "a write without the payload flag is a write",
        on(join(request(framing, 0, WRITE, 1, 0, 512), new byte[512]), done(framing, WRITE, 1, 0)));
  }

  private void refusedPayload(String name, byte[] sent) {
    add(name, on(sent, failed(framing, EINVAL, 7, 0)));
  }

  private void longLengths() {
    for (int type : new int[] {READ, TRIM, CACHE, BLOCK_STATUS}) {
      for (long length : new long[] {1L << 32, 1L << 40, Long.MAX_VALUE, Long.MIN_VALUE, -1}) {
        add(
            "a length of %d, command %d".formatted(length, type),
            on(request(framing, 0, type, 7, MIB / 2, length), failed(framing, EINVAL, 7, MIB / 2)));
      }
    }
  }
}
