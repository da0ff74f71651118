package io.nbdmirror.nbd.protocol;

/** What a request asks for. */
public enum Command {
  READ,
  WRITE,
  DISC,
  FLUSH,
  TRIM,
  CACHE,
  WRITE_ZEROES,
  BLOCK_STATUS,
  /** Any number the protocol gives no meaning. */
  UNKNOWN;

  private static final Command[] BY_CODE = values();

  /** The command with the protocol's number {@code code}, as in {@link Wire}; else UNKNOWN. */
  public static Command of(int code) {
    return code < BY_CODE.length ? BY_CODE[code] : UNKNOWN;
  }
}
