package io.nbdmirror.nbd.wire;

import static io.nbdmirror.nbd.wire.Expected.INVALID;
import static io.nbdmirror.nbd.wire.Expected.TOO_BIG;
import static io.nbdmirror.nbd.wire.Expected.UNKNOWN;
import static io.nbdmirror.nbd.wire.Expected.UNSUP;
import static io.nbdmirror.nbd.wire.Expected.ack;
import static io.nbdmirror.nbd.wire.Expected.blockSizes;
import static io.nbdmirror.nbd.wire.Expected.closed;
import static io.nbdmirror.nbd.wire.Expected.exportName;
import static io.nbdmirror.nbd.wire.Expected.infoExport;
import static io.nbdmirror.nbd.wire.Expected.infoText;
import static io.nbdmirror.nbd.wire.Expected.refused;
import static io.nbdmirror.nbd.wire.Expected.server;
import static io.nbdmirror.nbd.wire.Sent.ABORT;
import static io.nbdmirror.nbd.wire.Sent.EXPORT_NAME;
import static io.nbdmirror.nbd.wire.Sent.EXTENDED_HEADERS;
import static io.nbdmirror.nbd.wire.Sent.GO;
import static io.nbdmirror.nbd.wire.Sent.INFO;
import static io.nbdmirror.nbd.wire.Sent.LIST;
import static io.nbdmirror.nbd.wire.Sent.NOTHING;
import static io.nbdmirror.nbd.wire.Sent.PEEK_EXPORT;
import static io.nbdmirror.nbd.wire.Sent.STRUCTURED_REPLY;
import static io.nbdmirror.nbd.wire.Sent.clientFlags;
import static io.nbdmirror.nbd.wire.Sent.info;
import static io.nbdmirror.nbd.wire.Sent.int32;
import static io.nbdmirror.nbd.wire.Sent.join;
import static io.nbdmirror.nbd.wire.Sent.option;
import static io.nbdmirror.nbd.wire.Sent.optionHeader;
import static io.nbdmirror.nbd.wire.Sent.string;
import static io.nbdmirror.nbd.wire.Sent.text;
import static io.nbdmirror.nbd.wire.WireCase.on;

import io.nbdmirror.nbd.wire.WireCase.Exchange;
import java.util.ArrayList;
import java.util.List;

/** From the greeting to the export. */
final class HandshakeCases {
  private static final int SIZE = WireExports.SIZE;
  private static final int DISK = 0xd6d;
  private static final int ROM = 0x50f;
  private static final byte[] BAD_UTF8 = {'d', (byte) 0xff, 's', 'k'};

  /** What most cases end with: the option before has left the stream in step. */
  private static final Exchange GOODBYE = on(option(ABORT), ack(ABORT), closed());

  private HandshakeCases() {}

  private static WireCase fixed(String name, Exchange... exchanges) {
    return endingIn(name, GOODBYE, exchanges);
  }

  private static WireCase endingIn(String name, Exchange last, Exchange... exchanges) {
    List<Exchange> all = new ArrayList<>();
    all.add(on(clientFlags(3)));
    all.addAll(List.of(exchanges));
    all.add(last);
    return WireCase.of(name, all.toArray(Exchange[]::new));
  }

  private static WireCase closing(String name, byte[] last, Exchange... exchanges) {
    return endingIn(name, on(last, closed()), exchanges);
  }

  static List<WireCase> all() {
    List<WireCase> all = new ArrayList<>();
    all.addAll(clientFlagCases());
    all.addAll(attachingCases());
    all.addAll(misuseCases());
    all.addAll(lengthCases());
    all.addAll(framingCases());
    return all;
  }

  private static List<WireCase> clientFlagCases() {
    return List.of(
        WireCase.of("an unknown client flag closes", on(clientFlags(4), closed())),
        WireCase.of("an unknown flag beside known ones closes", on(clientFlags(7), closed())),
        WireCase.of("the highest client flag closes", on(clientFlags(0x80000003), closed())),
        WireCase.of(
            "without fixed newstyle LIST closes", on(clientFlags(0)), on(option(LIST), closed())),
        WireCase.of(
            "without fixed newstyle ABORT closes", on(clientFlags(2)), on(option(ABORT), closed())),
        WireCase.of(
            "without fixed newstyle EXPORT_NAME attaches, with padding",
            on(clientFlags(0)),
            on(option(EXPORT_NAME, text("disk")), exportName(SIZE, DISK, 124)),
            on(RequestCases.goodbye(Framing.SIMPLE), closed())),
        WireCase.of(
            "NO_ZEROES counts for a client without fixed newstyle",
            on(clientFlags(2)),
            on(option(EXPORT_NAME, text("disk")), exportName(SIZE, DISK, 0)),
            on(RequestCases.goodbye(Framing.SIMPLE), closed())));
  }

  private static List<WireCase> attachingCases() {
    Exchange disc = on(RequestCases.goodbye(Framing.SIMPLE), closed());
    return List.of(
        endingIn(
            "EXPORT_NAME attaches, without padding under NO_ZEROES",
            disc,
            on(option(EXPORT_NAME, text("rom")), exportName(SIZE, ROM, 0))),
        endingIn(
            "the empty name is the default export",
            disc,
            on(option(EXPORT_NAME), exportName(SIZE, DISK, 0))),
        closing("EXPORT_NAME of an unknown export closes", option(EXPORT_NAME, text("other"))),
        closing("EXPORT_NAME with NUL closes", option(EXPORT_NAME, text("di\0sk"))),
        closing("EXPORT_NAME that is not UTF-8 closes", option(EXPORT_NAME, BAD_UTF8)),
        closing("EXPORT_NAME over 4096 bytes closes", option(EXPORT_NAME, text("x".repeat(4097)))),
        endingIn(
            "INFO and GO give the same infos, the true size among them",
            disc,
            on(option(INFO, info("disk", 3, 2, 1, 0, 77)), infos(INFO)),
            on(option(GO, info("disk", 3, 2, 1, 0, 77)), infos(GO))),
        endingIn(
            "size and flags are told unasked, and nothing else",
            disc,
            on(option(INFO, info("rom")), infoExport(INFO, SIZE, ROM), ack(INFO)),
            on(option(GO, info("rom")), infoExport(GO, SIZE, ROM), ack(GO))),
        endingIn(
            "an export without a description has none to tell",
            disc,
            on(option(GO, info("rom", 2)), infoExport(GO, SIZE, ROM), ack(GO))),
        endingIn(
            "the default export tells its own name",
            disc,
            on(
                option(GO, info("", 1)),
                infoExport(GO, SIZE, DISK),
                infoText(GO, 1, "disk"),
                ack(GO))),
        endingIn(
            "INFO of one export does not bind GO",
            disc,
            on(option(INFO, info("disk")), infoExport(INFO, SIZE, DISK), ack(INFO)),
            on(option(INFO, info("other")), refused(INFO, UNKNOWN)),
            on(option(GO, info("rom")), infoExport(GO, SIZE, ROM), ack(GO))),
        fixed(
            "LIST names every export with its description",
            on(option(LIST), server("disk", "a disk"), server("rom", ""), ack(LIST))),
        WireCase.of(
            "ABORT is acknowledged and closes, its data unread",
            on(clientFlags(3)),
            on(option(ABORT, text("bye")), ack(ABORT), closed())));
  }

  private static Expected[] infos(int option) {
    return new Expected[] {
      infoExport(option, SIZE, DISK),
      infoText(option, 1, "disk"),
      infoText(option, 2, "a disk"),
      blockSizes(option, 1, 4096, 33_554_432),
      ack(option)
    };
  }

  private static List<WireCase> misuseCases() {
    byte[] trailing = join(info("disk"), new byte[1]);
    byte[] shortened = new byte[5];
    byte[] lying = join(int32(-1), text("disk"), new byte[2]);
    byte[] tooManyTypes = join(string(text("disk")), new byte[] {0, 9});
    return List.of(
        fixed("LIST with data is invalid", on(option(LIST, text("x")), refused(LIST, INVALID))),
        fixed("an unknown export is unknown", on(option(GO, info("x")), refused(GO, UNKNOWN))),
        fixed("GO with a trailing byte is invalid", on(option(GO, trailing), refused(GO, INVALID))),
        fixed("GO that is too short is invalid", on(option(GO, shortened), refused(GO, INVALID))),
        fixed("GO without data is invalid", on(option(GO), refused(GO, INVALID))),
        fixed(
            "a name longer than the option is invalid",
            on(option(GO, lying), refused(GO, INVALID))),
        fixed(
            "more types than there are is invalid",
            on(option(GO, tooManyTypes), refused(GO, INVALID))),
        fixed(
            "a name over 4096 bytes is invalid",
            on(option(GO, info("x".repeat(4097))), refused(GO, INVALID))),
        fixed(
            "a name of 4096 bytes is merely unknown",
            on(option(GO, info("x".repeat(4096))), refused(GO, UNKNOWN))),
        fixed("a name with NUL is invalid", on(option(GO, info("di\0sk")), refused(GO, INVALID))),
        fixed(
            "a name that is not UTF-8 is invalid",
            on(option(INFO, string(BAD_UTF8), new byte[2]), refused(INFO, INVALID))),
        fixed(
            "PEEK_EXPORT, which was withdrawn, is unsupported",
            on(option(PEEK_EXPORT), refused(PEEK_EXPORT, UNSUP))),
        closing("what is no option closes", new byte[16]),
        closing(
            "a request in the handshake closes",
            Sent.request(Framing.SIMPLE, 0, Sent.READ, 1, 0, 512)));
  }

  private static List<WireCase> lengthCases() {
    Exchange[] unknown = new Exchange[32];
    for (int i = 0; i < unknown.length; i++) {
      unknown[i] = on(option(1000 + i, new byte[i * 7]), refused(1000 + i, UNSUP));
    }
    Exchange[] failing = new Exchange[64];
    for (int i = 0; i < failing.length; i++) {
      failing[i] = on(option(999), refused(999, UNSUP));
    }
    return List.of(
        fixed("32 unknown options in a row are unsupported", unknown),
        fixed(
            "an unknown option of 64 KiB is unsupported",
            on(option(-1, new byte[65_536]), refused(-1, UNSUP))),
        fixed(
            "any option over 64 KiB is too big",
            on(option(1000, new byte[65_537]), refused(1000, TOO_BIG)),
            on(option(GO, new byte[1 << 20]), refused(GO, TOO_BIG)),
            on(option(LIST, new byte[65_537]), refused(LIST, TOO_BIG))),
        fixed(
            "a metadata option over 4 MiB is too big",
            on(option(STRUCTURED_REPLY), ack(STRUCTURED_REPLY)),
            on(
                option(Sent.SET_META_CONTEXT, new byte[(4 << 20) + 1]),
                refused(Sent.SET_META_CONTEXT, TOO_BIG))),
        closing("an option that announces over 32 MiB closes", optionHeader(GO, (32 << 20) + 1)),
        closing("an option that announces 4 GiB closes", optionHeader(1000, -1)),
        closing("an export name that announces 4 GiB closes", optionHeader(EXPORT_NAME, -1)),
        closing("the 65th option that fails closes", option(999), failing));
  }

  private static List<WireCase> framingCases() {
    Exchange structured = on(option(STRUCTURED_REPLY), ack(STRUCTURED_REPLY));
    Exchange extended = on(option(EXTENDED_HEADERS), ack(EXTENDED_HEADERS));
    return List.of(
        fixed(
            "STRUCTURED_REPLY with data is invalid",
            on(option(STRUCTURED_REPLY, NOTHING, text("x")), refused(STRUCTURED_REPLY, INVALID)),
            on(option(INFO, info("disk")), infoExport(INFO, SIZE, DISK), ack(INFO))),
        fixed(
            "EXTENDED_HEADERS with data is invalid",
            on(option(EXTENDED_HEADERS, text("x")), refused(EXTENDED_HEADERS, INVALID)),
            on(option(INFO, info("disk")), infoExport(INFO, SIZE, DISK), ack(INFO))),
        fixed(
            "DF comes with structured replies, which may be asked for twice",
            structured,
            structured,
            on(option(INFO, info("disk")), infoExport(INFO, SIZE, DISK | 0x80), ack(INFO)),
            on(option(INFO, info("rom")), infoExport(INFO, SIZE, ROM | 0x80), ack(INFO))),
        fixed(
            "payloads of BLOCK_STATUS come with extended headers",
            extended,
            extended,
            on(option(INFO, info("disk")), infoExport(INFO, SIZE, DISK | 0x1080), ack(INFO)),
            on(option(STRUCTURED_REPLY), refused(STRUCTURED_REPLY, Expected.EXT_HEADER_REQD))),
        closing(
            "EXPORT_NAME after extended headers closes",
            option(EXPORT_NAME, text("disk")),
            extended));
  }
}
