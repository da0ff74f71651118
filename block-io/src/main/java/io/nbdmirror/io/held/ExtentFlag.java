package io.nbdmirror.io.held;

import java.util.Arrays;
import java.util.stream.Collectors;

/** What FIEMAP says of an extent that forbids writing it past the filesystem. */
enum ExtentFlag {
  UNKNOWN(0x2, "blocks at an unknown place"),
  DELALLOC(0x4, "blocks that are not allocated yet (delalloc)"),
  ENCODED(0x8, "blocks that are stored in another form (encoded)"),
  DATA_ENCRYPTED(0x80, "encrypted blocks"),
  INLINE(0x200, "data that lies inside its own structures (inline)"),
  TAIL(0x400, "data that shares a block with another file's (tail)"),
  UNWRITTEN(0x800, "blocks that are allocated but were never written (unwritten)"),
  SHARED(0x2000, "blocks that another file shares (shared)"),
  // Often said beside another of these, which tells more.
  NOT_ALIGNED(0x100, "data that does not start at a block (not aligned)");

  private static final int LAST = 0x1;
  private static final int MERGED = 0x1000;

  private final int bit;
  private final String meaning;

  ExtentFlag(int bit, String meaning) {
    this.bit = bit;
    this.meaning = meaning;
  }

  /** Whether the flags say nothing that matters here. */
  static boolean harmless(int flags) {
    return (flags & ~(LAST | MERGED)) == 0;
  }

  /** What the flags that do matter say, in words. */
  static String describe(int flags) {
    int known = 0;
    for (ExtentFlag flag : values()) {
      known |= flag.bit;
    }
    String words =
        Arrays.stream(values())
            .filter(flag -> (flags & flag.bit) != 0)
            .map(flag -> flag.meaning)
            .collect(Collectors.joining(" and "));
    int strange = flags & ~(known | LAST | MERGED);
    String more = strange == 0 ? "" : "blocks with the unknown flag 0x%x".formatted(strange);
    return words.isEmpty() || more.isEmpty() ? words + more : words + " and " + more;
  }
}
