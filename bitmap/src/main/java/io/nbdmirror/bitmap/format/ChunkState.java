package io.nbdmirror.bitmap.format;

/** What a chunk is, for people; of a group of chunks the worst counts, which comes last here. */
public enum ChunkState {
  /** No bit is set: the members are the same. */
  CLEAN('.'),
  /** Written to lately, or the bit has not been cleared yet. */
  DIRTY('#'),
  /** Being copied. */
  RESYNCING('>'),
  /** Members may differ, and it must be copied. */
  NEEDS_RESYNC('!');

  private final char sign;

  ChunkState(char sign) {
    this.sign = sign;
  }

  /** How a picture shows it. */
  public char sign() {
    return sign;
  }
}
