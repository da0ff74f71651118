package io.nbdmirror.raid.simulation;

/** What a run did, in numbers, and a hash of everything that happened in it. */
final class Tally {
  final Coverage coverage = new Coverage();
  long operations;
  long deviceRequests;
  long lives;
  long crashes;
  long reassemblies;
  long bytesCopied;

  private long hash = 0x9E3779B97F4A7C15L;

  /** Takes a value into the hash. */
  void mix(long value) {
    long mixed = (hash ^ value) * 0xBF58476D1CE4E5B9L;
    hash = mixed ^ mixed >>> 29;
  }

  /** Two runs of one seed have the same, or the simulator is not deterministic. */
  long hash() {
    return hash;
  }

  void add(Tally other) {
    coverage.add(other.coverage);
    operations += other.operations;
    deviceRequests += other.deviceRequests;
    lives += other.lives;
    crashes += other.crashes;
    reassemblies += other.reassemblies;
    bytesCopied += other.bytesCopied;
    mix(other.hash);
  }
}
