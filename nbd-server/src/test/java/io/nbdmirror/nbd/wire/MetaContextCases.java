package io.nbdmirror.nbd.wire;

import static io.nbdmirror.nbd.wire.Expected.INVALID;
import static io.nbdmirror.nbd.wire.Expected.UNKNOWN;
import static io.nbdmirror.nbd.wire.Expected.ack;
import static io.nbdmirror.nbd.wire.Expected.context;
import static io.nbdmirror.nbd.wire.Expected.infoExport;
import static io.nbdmirror.nbd.wire.Expected.refused;
import static io.nbdmirror.nbd.wire.Sent.GO;
import static io.nbdmirror.nbd.wire.Sent.LIST_META_CONTEXT;
import static io.nbdmirror.nbd.wire.Sent.SET_META_CONTEXT;
import static io.nbdmirror.nbd.wire.Sent.STRUCTURED_REPLY;
import static io.nbdmirror.nbd.wire.Sent.clientFlags;
import static io.nbdmirror.nbd.wire.Sent.info;
import static io.nbdmirror.nbd.wire.Sent.int32;
import static io.nbdmirror.nbd.wire.Sent.join;
import static io.nbdmirror.nbd.wire.Sent.option;
import static io.nbdmirror.nbd.wire.Sent.queries;
import static io.nbdmirror.nbd.wire.Sent.string;
import static io.nbdmirror.nbd.wire.Sent.text;
import static io.nbdmirror.nbd.wire.WireCase.on;

import io.nbdmirror.nbd.wire.WireCase.Exchange;
import java.util.ArrayList;
import java.util.List;

/** Metadata contexts, listed and chosen. */
final class MetaContextCases {
  private static final String ALLOCATION = "base:allocation";
  private static final String BITMAP = "qemu:dirty-bitmap:write-intent";
  private static final String STATE = "x-nbdmirror:state";
  private static final Exchange CHOSEN =
      on(
          option(SET_META_CONTEXT, queries("disk", ALLOCATION)),
          context(SET_META_CONTEXT, 1, ALLOCATION),
          ack(SET_META_CONTEXT));

  private MetaContextCases() {}

  private static WireCase meta(String name, Exchange... exchanges) {
    return WireCase.of(name, behind(exchanges, on(option(Sent.ABORT), ack(Sent.ABORT))));
  }

  /** A case that attaches to {@code export} and then finds that no context is chosen. */
  private static WireCase choosingNothing(String name, String export, Exchange... exchanges) {
    int flags = export.equals("rom") ? 0x58f : 0xded;
    return WireCase.of(
        name,
        behind(
            exchanges,
            on(option(GO, info(export)), infoExport(GO, WireExports.SIZE, flags), ack(GO)),
            on(
                Sent.request(Framing.STRUCTURED, 0, Sent.BLOCK_STATUS, 5, 0, 4096),
                Expected.failed(Framing.STRUCTURED, Expected.EINVAL, 5, 0))));
  }

  private static Exchange[] behind(Exchange[] exchanges, Exchange... last) {
    List<Exchange> all = new ArrayList<>();
    all.add(on(clientFlags(3)));
    all.add(on(option(STRUCTURED_REPLY), ack(STRUCTURED_REPLY)));
    all.addAll(List.of(exchanges));
    all.addAll(List.of(last));
    return all.toArray(Exchange[]::new);
  }

  private static Exchange list(String[] queries, String... names) {
    return answer(LIST_META_CONTEXT, queries, names);
  }

  private static Exchange set(String[] queries, String... names) {
    return answer(SET_META_CONTEXT, queries, names);
  }

  private static Exchange answer(int option, String[] queries, String... names) {
    Expected[] expected = new Expected[names.length + 1];
    for (int i = 0; i < names.length; i++) {
      expected[i] = context(option, option == LIST_META_CONTEXT ? 0 : i + 1, names[i]);
    }
    expected[names.length] = ack(option);
    return on(option(option, queries("disk", queries)), expected);
  }

  private static String[] of(String... queries) {
    return queries;
  }

  private static Exchange invalid(int option, byte[] data) {
    return on(option(option, data), refused(option, INVALID));
  }

  static List<WireCase> all() {
    List<WireCase> all = new ArrayList<>();
    all.addAll(queryCases());
    all.addAll(misuseCases());
    all.addAll(forgettingCases());
    return all;
  }

  private static List<WireCase> queryCases() {
    return List.of(
        meta("no query lists all contexts", list(of(), ALLOCATION, BITMAP, STATE)),
        meta("contexts are listed by name", list(of(STATE, ALLOCATION), ALLOCATION, STATE)),
        meta("a namespace lists what is in it", list(of("base:"), ALLOCATION)),
        meta("qemu: lists its bitmap", list(of("qemu:"), BITMAP)),
        meta("qemu:dirty-bitmap: lists its bitmap", list(of("qemu:dirty-bitmap:"), BITMAP)),
        meta("our namespace lists its own", list(of("x-nbdmirror:"), STATE)),
        meta(
            "what nobody knows here is ignored",
            list(of("base", "base:alloc", ":", "", "x-other:y", "qemu:allocation-depth"))),
        meta(
            "a query for all namespaces at once",
            list(of("x-nbdmirror:", "base:"), ALLOCATION, STATE)),
        meta("no query chooses nothing", set(of())),
        meta("contexts are chosen by name", set(of(BITMAP, ALLOCATION), ALLOCATION, BITMAP)),
        meta("a context asked for twice is chosen once", set(of(STATE, STATE), STATE)),
        meta(
            "namespaces of others choose nothing", set(of("base:", "qemu:", "qemu:dirty-bitmap:"))),
        meta("our own namespace chooses all of it", set(of("x-nbdmirror:"), STATE)),
        meta(
            "the last choice counts, and a longest query is a query",
            set(of(ALLOCATION), ALLOCATION),
            set(of("é".repeat(2048), STATE), STATE)));
  }

  private static List<WireCase> misuseCases() {
    byte[] good = queries("disk", ALLOCATION);
    byte[] countLies = join(string(text("disk")), int32(2), string(text(ALLOCATION)));
    byte[] hugeCount = join(string(text("disk")), int32(-1));
    byte[] queryLies = join(string(text("disk")), int32(1), int32(-1), text("base:"));
    byte[] noCount = string(text("disk"));
    byte[] badUtf8 = join(string(text("disk")), int32(1), string(new byte[] {(byte) 0xc3}));
    return List.of(
        WireCase.of(
            "contexts need structured replies",
            on(clientFlags(3)),
            on(option(SET_META_CONTEXT, good), refused(SET_META_CONTEXT, INVALID)),
            on(option(LIST_META_CONTEXT, good), refused(LIST_META_CONTEXT, INVALID)),
            on(option(Sent.ABORT), ack(Sent.ABORT))),
        meta("a trailing byte is invalid", invalid(SET_META_CONTEXT, join(good, new byte[1]))),
        meta("a count that lies is invalid", invalid(SET_META_CONTEXT, countLies)),
        meta("a count of 4 thousand million is invalid", invalid(LIST_META_CONTEXT, hugeCount)),
        meta("a query's length that lies is invalid", invalid(LIST_META_CONTEXT, queryLies)),
        meta("no count is invalid", invalid(SET_META_CONTEXT, noCount)),
        meta("no data is invalid", invalid(SET_META_CONTEXT, Sent.NOTHING)),
        meta("a query that is not UTF-8 is invalid", invalid(SET_META_CONTEXT, badUtf8)),
        meta("a query with NUL is invalid", invalid(SET_META_CONTEXT, queries("disk", "a\0b"))),
        meta(
            "a query over 4096 bytes is invalid",
            invalid(SET_META_CONTEXT, queries("disk", "x".repeat(4097)))),
        meta(
            "an unknown export is unknown",
            on(option(LIST_META_CONTEXT, queries("other")), refused(LIST_META_CONTEXT, UNKNOWN))),
        meta(
            "ten thousand queries are looked through",
            on(
                option(SET_META_CONTEXT, queries("disk", manyQueries())),
                context(SET_META_CONTEXT, 1, STATE),
                ack(SET_META_CONTEXT))));
  }

  private static String[] manyQueries() {
    String[] queries = new String[10_000];
    for (int i = 0; i < queries.length; i++) {
      queries[i] = "base:" + i;
    }
    queries[9_999] = STATE;
    return queries;
  }

  private static List<WireCase> forgettingCases() {
    return List.of(
        choosingNothing("what was never chosen is not told", "disk"),
        choosingNothing("an empty choice forgets the one before", "disk", CHOSEN, set(of())),
        choosingNothing(
            "a choice that is invalid forgets the one before",
            "disk",
            CHOSEN,
            invalid(SET_META_CONTEXT, Sent.NOTHING)),
        choosingNothing(
            "a choice of an unknown export forgets the one before",
            "disk",
            CHOSEN,
            on(option(SET_META_CONTEXT, queries("x", "y")), refused(SET_META_CONTEXT, UNKNOWN))),
        choosingNothing(
            "a choice that is too big forgets the one before",
            "disk",
            CHOSEN,
            on(
                option(SET_META_CONTEXT, new byte[(4 << 20) + 1]),
                refused(SET_META_CONTEXT, Expected.TOO_BIG))),
        choosingNothing("a choice counts for its own export alone", "rom", CHOSEN));
  }
}
