package io.nbdmirror.io.simulation;

/**
 * What a simulated device is like.
 *
 * @param path the name messages give it
 * @param blockBytes unit of every request, a power of two of at least 512
 * @param discards whether a discard leaves a hole; otherwise it writes zeroes
 */
public record SimulatedDisk(
    String path, long sizeBytes, int blockBytes, boolean discards, Latency latency) {
  public SimulatedDisk {
    if (blockBytes < SectorMap.SECTOR_BYTES || Integer.bitCount(blockBytes) != 1) {
      throw new IllegalArgumentException("block size " + blockBytes);
    }
    if (sizeBytes < 0 || sizeBytes % blockBytes != 0) {
      throw new IllegalArgumentException("size " + sizeBytes);
    }
  }

  /** Blocks of 512 bytes, discards, {@link Latency#MIXED}. */
  public static SimulatedDisk of(String path, long sizeBytes) {
    return new SimulatedDisk(path, sizeBytes, SectorMap.SECTOR_BYTES, true, Latency.MIXED);
  }

  public SimulatedDisk withBlockBytes(int bytes) {
    return new SimulatedDisk(path, sizeBytes, bytes, discards, latency);
  }

  SimulatedDisk withSizeBytes(long bytes) {
    return new SimulatedDisk(path, bytes, blockBytes, discards, latency);
  }

  public SimulatedDisk withoutDiscard() {
    return new SimulatedDisk(path, sizeBytes, blockBytes, false, latency);
  }

  public SimulatedDisk withLatency(Latency other) {
    return new SimulatedDisk(path, sizeBytes, blockBytes, discards, other);
  }
}
