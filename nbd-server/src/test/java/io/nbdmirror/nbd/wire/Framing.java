package io.nbdmirror.nbd.wire;

/** How requests and replies are framed in a case. */
enum Framing {
  SIMPLE,
  STRUCTURED,
  EXTENDED;

  /** Any of them, as a number decides. */
  static Framing by(int number) {
    return switch (number % 3) {
      case 0 -> SIMPLE;
      case 1 -> STRUCTURED;
      default -> EXTENDED;
    };
  }
}
