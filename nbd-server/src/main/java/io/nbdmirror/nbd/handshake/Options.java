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
          new StartTlsOption(),
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

  /** Its name as the protocol has it, for people; a number where it has none. */
  static String nameOf(int code) {
    return switch (code) {
      case Wire.OPT_EXPORT_NAME -> "EXPORT_NAME";
      case Wire.OPT_ABORT -> "ABORT";
      case Wire.OPT_LIST -> "LIST";
      case Wire.OPT_STARTTLS -> "STARTTLS";
      case Wire.OPT_INFO -> "INFO";
      case Wire.OPT_GO -> "GO";
      case Wire.OPT_STRUCTURED_REPLY -> "STRUCTURED_REPLY";
      case Wire.OPT_LIST_META_CONTEXT -> "LIST_META_CONTEXT";
      case Wire.OPT_SET_META_CONTEXT -> "SET_META_CONTEXT";
      case Wire.OPT_EXTENDED_HEADERS -> "EXTENDED_HEADERS";
      default -> "option " + Integer.toUnsignedString(code);
    };
  }
}
