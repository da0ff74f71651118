package io.nbdmirror.nbd.wire;

import static io.nbdmirror.nbd.wire.Expected.EINVAL;
import static io.nbdmirror.nbd.wire.Expected.EIO;
import static io.nbdmirror.nbd.wire.Expected.ENOSPC;
import static io.nbdmirror.nbd.wire.Expected.ENOTSUP;
import static io.nbdmirror.nbd.wire.Expected.EPERM;
import static io.nbdmirror.nbd.wire.Expected.ack;
import static io.nbdmirror.nbd.wire.Expected.closed;
import static io.nbdmirror.nbd.wire.Expected.done;
import static io.nbdmirror.nbd.wire.Expected.failed;
import static io.nbdmirror.nbd.wire.Expected.infoExport;
import static io.nbdmirror.nbd.wire.Sent.BLOCK_STATUS;
import static io.nbdmirror.nbd.wire.Sent.CACHE;
import static io.nbdmirror.nbd.wire.Sent.DF;
import static io.nbdmirror.nbd.wire.Sent.DISC;
import static io.nbdmirror.nbd.wire.Sent.EXTENDED_HEADERS;
import static io.nbdmirror.nbd.wire.Sent.FAST_ZERO;
import static io.nbdmirror.nbd.wire.Sent.FLUSH;
import static io.nbdmirror.nbd.wire.Sent.FUA;
import static io.nbdmirror.nbd.wire.Sent.GO;
import static io.nbdmirror.nbd.wire.Sent.NO_HOLE;
import static io.nbdmirror.nbd.wire.Sent.READ;
import static io.nbdmirror.nbd.wire.Sent.REQ_ONE;
import static io.nbdmirror.nbd.wire.Sent.STRUCTURED_REPLY;
import static io.nbdmirror.nbd.wire.Sent.TRIM;
import static io.nbdmirror.nbd.wire.Sent.WRITE;
import static io.nbdmirror.nbd.wire.Sent.WRITE_ZEROES;
import static io.nbdmirror.nbd.wire.Sent.clientFlags;
import static io.nbdmirror.nbd.wire.Sent.data;
import static io.nbdmirror.nbd.wire.Sent.info;
import static io.nbdmirror.nbd.wire.Sent.int32;
import static io.nbdmirror.nbd.wire.Sent.int64;
import static io.nbdmirror.nbd.wire.Sent.join;
import static io.nbdmirror.nbd.wire.Sent.option;
import static io.nbdmirror.nbd.wire.Sent.request;
import static io.nbdmirror.nbd.wire.Sent.write;
import static io.nbdmirror.nbd.wire.WireCase.on;

import io.nbdmirror.nbd.wire.WireCase.Exchange;
import java.util.ArrayList;
import java.util.List;

/** Requests that go alike however they are framed: what is done, and how the rest is refused. */
final class RequestCases {
  private static final int SIZE = WireExports.SIZE;
  private static final long TOO_LONG = (64L << 20) + 1;

  private final Framing framing;
  private final List<WireCase> cases = new ArrayList<>();

  private RequestCases(Framing framing) {
    this.framing = framing;
  }

  static List<WireCase> all() {
    List<WireCase> all = new ArrayList<>();
    for (Framing framing : Framing.values()) {
      all.addAll(new RequestCases(framing).cases());
    }
    return all;
  }

  static byte[] goodbye(Framing framing) {
    return request(framing, 0, DISC, 99, 0, 0);
  }

  /** The handshake that leads to requests framed like this. */
  static List<Exchange> attach(Framing framing, String export, String... contexts) {
    List<Exchange> all = new ArrayList<>();
    all.add(on(clientFlags(3)));
    int flags = export.equals("rom") ? 0x50f : 0xd6d;
    switch (framing) {
      case SIMPLE -> {}
      case STRUCTURED -> {
        all.add(on(option(STRUCTURED_REPLY), ack(STRUCTURED_REPLY)));
        flags |= 0x80;
      }
      case EXTENDED -> {
        all.add(on(option(EXTENDED_HEADERS), ack(EXTENDED_HEADERS)));
        flags |= 0x1080;
      }
    }
    if (contexts.length > 0) {
      Expected[] chosen = new Expected[contexts.length + 1];
      for (int i = 0; i < contexts.length; i++) {
        chosen[i] = Expected.context(Sent.SET_META_CONTEXT, i + 1, contexts[i]);
      }
      chosen[contexts.length] = ack(Sent.SET_META_CONTEXT);
      all.add(on(option(Sent.SET_META_CONTEXT, Sent.queries(export, contexts)), chosen));
    }
    all.add(on(option(GO, info(export)), infoExport(GO, SIZE, flags), ack(GO)));
    return all;
  }

  /** Adds a case that ends with requests that show the stream to be in step. */
  private void add(String export, String name, Exchange... exchanges) {
    List<Exchange> all = attach(framing, export);
    all.addAll(List.of(exchanges));
    all.add(on(request(framing, 0, FLUSH, 98, 0, 0), done(framing, FLUSH, 98, 0)));
    all.add(on(goodbye(framing), closed()));
    cases.add(WireCase.of(name + " " + framing, all.toArray(Exchange[]::new)));
  }

  private void ending(String name, byte[] last, Exchange... exchanges) {
    List<Exchange> all = attach(framing, "disk");
    all.addAll(List.of(exchanges));
    all.add(on(last, closed()));
    cases.add(WireCase.of(name + " " + framing, all.toArray(Exchange[]::new)));
  }

  private void refused(String name, int error, int flags, int type, long offset, long length) {
    add("disk", name, refusal(error, flags, type, offset, length));
  }

  private Exchange refusal(int error, int flags, int type, long offset, long length) {
    return on(request(framing, flags, type, 7, offset, length), failed(framing, error, 7, offset));
  }

  private Exchange succeeds(int flags, int type, long cookie, long offset, long length) {
    return on(
        request(framing, flags, type, cookie, offset, length), done(framing, type, cookie, offset));
  }

  private Exchange reads(long cookie, long offset, byte[] data) {
    Expected reply =
        framing == Framing.SIMPLE
            ? Expected.simpleData(cookie, data)
            : Expected.data(framing, true, cookie, offset, offset, data);
    return on(request(framing, 0, READ, cookie, offset, data.length), reply);
  }

  private Exchange writes(int flags, long cookie, long offset, byte[] data) {
    return on(write(framing, flags, cookie, offset, data), done(framing, WRITE, cookie, offset));
  }

  private List<WireCase> cases() {
    requestsThatAreDone();
    beyondTheEnd();
    readOnly();
    flags();
    lengths();
    broken();
    return cases;
  }

  private void requestsThatAreDone() {
    add(
        "disk",
        "what is written is read back",
        writes(0, 1, 1001, data(300)),
        reads(2, 1001, data(300)),
        writes(FUA, 3, 70_001, data(200_000)),
        reads(4, 70_001, data(200_000)),
        succeeds(0, WRITE_ZEROES, 5, 0, SIZE - 4096L),
        reads(6, 1001, new byte[300]));
    add(
        "disk",
        "zeroes and trims of every kind are done",
        writes(0, 1, 4096, data(20_000)),
        succeeds(0, WRITE_ZEROES, 2, 4096, 512),
        succeeds(NO_HOLE | FUA, WRITE_ZEROES, 3, 5120, 512),
        succeeds(FAST_ZERO, WRITE_ZEROES, 4, 6144, 512),
        succeeds(FUA, TRIM, 5, 7168, 512),
        reads(6, 4096, new byte[512]),
        reads(7, 5120, new byte[512]),
        reads(8, 6144, new byte[512]),
        reads(9, 7168, new byte[512]),
        reads(10, 7680, slice(data(20_000), 3584, 512)),
        succeeds(0, TRIM, 11, 0, SIZE - 4096L));
    add(
        "disk",
        "flush, cache and requests of no bytes succeed",
        succeeds(FUA, FLUSH, 1, 0, 0),
        succeeds(0, FLUSH, 2, 77, 88),
        succeeds(0, CACHE, 3, 4096, 65_536),
        succeeds(FUA, CACHE, 4, 0, SIZE),
        succeeds(0, READ, 5, SIZE, 0),
        succeeds(0, TRIM, 6, 0, 0),
        succeeds(0, WRITE_ZEROES, 7, SIZE, 0),
        succeeds(0, CACHE, 8, 0, 0),
        writes(0, 9, SIZE, Sent.NOTHING));
    add(
        "disk",
        "the same cookie twice is answered twice",
        on(
            join(request(framing, 0, FLUSH, 1, 0, 0), request(framing, 0, FLUSH, 1, 0, 0)),
            done(framing, FLUSH, 1, 0),
            done(framing, FLUSH, 1, 0)));
    add("disk", "a device's error is told", refusal(EIO, 0, READ, SIZE - 512L, 512));
  }

  private static byte[] slice(byte[] bytes, int at, int length) {
    return java.util.Arrays.copyOfRange(bytes, at, at + length);
  }

  private void beyondTheEnd() {
    for (int type : new int[] {READ, TRIM, CACHE}) {
      refused("beyond the end, command " + type, EINVAL, 0, type, SIZE - 512L, 513);
      refused("far beyond the end, command " + type, EINVAL, 0, type, 1L << 62, 512);
      refused("an offset of all ones, command " + type, EINVAL, 0, type, -1, 1);
      refused("a sum over 64 bits, command " + type, EINVAL, 0, type, -512, 1024);
      refused("a sum over 63 bits, command " + type, EINVAL, 0, type, Long.MAX_VALUE, 512);
    }
    refused("zeroes beyond the end", ENOSPC, 0, WRITE_ZEROES, SIZE - 512L, 513);
    refused("zeroes whose sum is over 64 bits", ENOSPC, 0, WRITE_ZEROES, -1, 1);
    for (long offset : new long[] {SIZE - 511L, SIZE + 1L, -1, Long.MIN_VALUE, -512}) {
      add(
          "disk",
          "a write beyond the end is drained, at " + offset,
          on(write(framing, 0, 7, offset, data(512)), failed(framing, ENOSPC, 7, offset)));
    }
  }

  private void readOnly() {
    add(
        "rom",
        "a write to what is read-only is drained",
        on(write(framing, 0, 7, 0, data(700)), failed(framing, EPERM, 7, 0)));
    add("rom", "zeroes on what is read-only", refusal(EPERM, 0, WRITE_ZEROES, 0, 512));
    add("rom", "a trim of what is read-only", refusal(EPERM, 0, TRIM, 0, 512));
    add(
        "rom",
        "a read-only export is read and flushed",
        succeeds(0, FLUSH, 1, 0, 0),
        reads(2, 512, new byte[512]));
  }

  private void flags() {
    refused("an unknown flag", EINVAL, 0x8000, READ, 0, 512);
    refused("an unknown flag and FUA on a flush", EINVAL, 0x41, FLUSH, 0, 0);
    refused("NO_HOLE on a read", EINVAL, NO_HOLE, READ, 0, 512);
    refused("REQ_ONE on a read", EINVAL, REQ_ONE, READ, 0, 512);
    refused("DF on a trim", EINVAL, DF, TRIM, 0, 512);
    refused("FAST_ZERO on a trim", EINVAL, FAST_ZERO, TRIM, 0, 512);
    refused("NO_HOLE on a cache", EINVAL, NO_HOLE, CACHE, 0, 512);
    refused("DF on zeroes", EINVAL, DF, WRITE_ZEROES, 0, 512);
    refused("zeroes that are not fast", ENOTSUP, FAST_ZERO | NO_HOLE, WRITE_ZEROES, 0, 512);
    add(
        "rom",
        "FAST_ZERO where it was not offered",
        refusal(EINVAL, FAST_ZERO, WRITE_ZEROES, 0, 512));
    if (framing == Framing.SIMPLE) {
      refused("DF without structured replies", EINVAL, DF, READ, 0, 512);
    }
    refused("the status with no context chosen", EINVAL, 0, BLOCK_STATUS, 0, 512);
    refused("an unknown command", EINVAL, 0, 9, 0, 512);
    refused("RESIZE, which is an extension", EINVAL, 0, 8, 512, 0);
    refused("the highest command", EINVAL, 0, 0xffff, 0, 512);
    for (int flag : new int[] {0x8000, DF, NO_HOLE}) {
      add(
          "disk",
          "a write with the wrong flag %d is drained".formatted(flag),
          on(write(framing, flag, 7, 0, data(5000)), failed(framing, EINVAL, 7, 0)));
    }
  }

  private void lengths() {
    refused("a read of over 64 MiB", EINVAL, 0, READ, 0, TOO_LONG);
    refused("a read of nearly 4 GiB", EINVAL, 0, READ, 0, 0xffff_ffffL);
    refused("zeroes of nearly 4 GiB", ENOSPC, 0, WRITE_ZEROES, 0, 0xffff_ffffL);
  }

  private void broken() {
    ending("a bad magic closes", new byte[32]);
    ending(
        "a simple reply sent as a request closes",
        join(int32(0x67446698), new byte[28]),
        succeeds(0, FLUSH, 1, 0, 0));
    ending(
        "a write of over 256 MiB closes",
        request(framing, Sent.PAYLOAD_LEN, WRITE, 1, 0, (256L << 20) + 1));
    ending("an option in transmission closes", join(option(Sent.LIST), int64(0), int64(0)));
    ending(
        "what follows DISC is not done",
        join(goodbye(framing), request(framing, 0, FLUSH, 1, 0, 0)));
    if (framing == Framing.EXTENDED) {
      ending("a payload of 2^63 bytes closes", request(framing, 0, WRITE, 1, 0, Long.MIN_VALUE));
      ending(
          "a short request among long ones closes",
          join(request(Framing.SIMPLE, 0, FLUSH, 1, 0, 0), int32(0)));
    } else {
      ending(
          "a long request among short ones closes", request(Framing.EXTENDED, 0, FLUSH, 1, 0, 0));
    }
  }
}
