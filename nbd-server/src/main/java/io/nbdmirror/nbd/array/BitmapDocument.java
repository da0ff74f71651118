package io.nbdmirror.nbd.array;

import io.nbdmirror.bitmap.format.BitmapSuperblock;
import io.nbdmirror.bitmap.format.BitmapSurvey;
import java.math.BigInteger;
import java.util.List;
import java.util.UUID;

/**
 * A bitmap as people and programs see it, whether it is in use or lies on a medium: md's own field
 * names in camel case with md's own units, and below them what the bits say. Immutable.
 *
 * @param knownChunks how many bits could be read
 * @param dirtyChunks how many of them are set
 * @param leftToResyncBytes what a resync has to copy after an unclean stop; what could not be read
 *     is in it
 * @param dirtyRangesOmitted how many more ranges there are
 */
public record BitmapDocument(
    String magic,
    int version,
    String uuid,
    BigInteger events,
    BigInteger eventsCleared,
    BigInteger syncSize,
    int state,
    long chunksize,
    int daemonSleep,
    int writeBehind,
    int sectorsReserved,
    int nodes,
    String clusterName,
    long chunks,
    long knownChunks,
    long dirtyChunks,
    long resyncingChunks,
    long needsResyncChunks,
    long leftToResyncBytes,
    List<BitmapSurvey.Range> dirtyRanges,
    long dirtyRangesOmitted,
    BitmapSurvey.Picture picture) {

  /** How many ranges a document lists. */
  public static final int MAX_RANGES = 100_000;

  public BitmapDocument {
    dirtyRanges = List.copyOf(dirtyRanges);
  }

  /**
   * Puts together what was found.
   *
   * @param survey that has come to its end
   * @param dirtyChunks bits that are known to be set
   */
  public static BitmapDocument of(
      BitmapSuperblock superblock,
      BitmapSurvey survey,
      long chunks,
      long knownChunks,
      long dirtyChunks) {
    return new BitmapDocument(
        "%08x".formatted(superblock.magic()),
        superblock.version(),
        mdText(superblock.uuid()),
        unsigned(superblock.events()),
        unsigned(superblock.eventsCleared()),
        unsigned(superblock.syncSize()),
        superblock.state(),
        superblock.chunksize(),
        superblock.daemonSleep(),
        superblock.writeBehind(),
        superblock.sectorsReserved(),
        superblock.nodes(),
        superblock.clusterName(),
        chunks,
        knownChunks,
        dirtyChunks,
        survey.resyncingChunks(),
        survey.needsResyncChunks(),
        survey.dirtyBytes(),
        survey.ranges(),
        survey.omittedRanges(),
        survey.picture());
  }

  /** A UUID the way mdadm writes it: {@code 7187e93d:c73872fe:a140fd64:b557889c}. */
  public static String mdText(UUID uuid) {
    long high = uuid.getMostSignificantBits();
    long low = uuid.getLeastSignificantBits();
    return "%08x:%08x:%08x:%08x".formatted(high >>> 32, (int) high, low >>> 32, (int) low);
  }

  private static BigInteger unsigned(long value) {
    return new BigInteger(Long.toUnsignedString(value));
  }
}
