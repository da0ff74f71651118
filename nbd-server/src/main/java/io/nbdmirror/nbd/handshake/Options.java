package io.nbdmirror.nbd.handshake;

import io.nbdmirror.nbd.protocol.Wire;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;

/** The table of the options that are understood here. */
final class Options {
  private static final Map<Integer, Option> BY_CODE =
      table(
          new ExportNameOption(),
          new AbortOption(),
          new ListOption(),
          new InfoOption(Wire.OPT_INFO),
          new InfoOption(Wire.OPT_GO),
          new StructuredReplyOption(),
          new MetaContextOption(Wire.OPT_LIST_META_CONTEXT),
          new MetaContextOption(Wire.OPT_SET_META_CONTEXT),
          new ExtendedHeadersOption());

  private Options() {}

  private static Map<Integer, Option> table(Option... options) {
    return List.of(options).stream()
        .collect(Collectors.toUnmodifiableMap(Option::code, Function.identity()));
  }

  /** The option with the protocol's number {@code code}, one unsigned 32-bit number. */
  static Option of(int code) {
    Option known = BY_CODE.get(code);
    return known == null ? new UnknownOption(code) : known;
  }
}
