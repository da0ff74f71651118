package io.nbdmirror.raid.creation;

/**
 * Something recognisable that a device carries.
 *
 * @param what for a sentence: "an ext4 filesystem"
 * @param offsetBytes of the bytes it was recognised by
 * @param lengthBytes how many those are
 */
public record Signature(String what, long offsetBytes, int lengthBytes) {
  static final String MD_SUPERBLOCK = "an md superblock";

  boolean isMd() {
    return what.startsWith(MD_SUPERBLOCK);
  }

  long endBytes() {
    return offsetBytes + lengthBytes;
  }
}
