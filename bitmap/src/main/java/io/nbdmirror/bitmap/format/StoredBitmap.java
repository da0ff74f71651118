package io.nbdmirror.bitmap.format;

import java.nio.ByteBuffer;
import java.util.BitSet;

/**
 * A bitmap read from its medium to be looked at: its superblock, and which chunks are dirty. Not
 * thread-safe.
 */
public final class StoredBitmap implements ChunkStates {
  private final BitmapSuperblock superblock;
  private final BitmapGeometry geometry;
  private final BitSet dirty = new BitSet();
  private long knownChunks;

  /**
   * A bitmap none of whose bits are known yet.
   *
   * @param superblock one without a {@linkplain BitmapSuperblock#problem problem}
   */
  public StoredBitmap(BitmapSuperblock superblock) {
    this.superblock = superblock;
    geometry = new BitmapGeometry(superblock.syncSize() * 512, superblock.chunksize());
  }

  /** Takes the next bytes of bits, the first of them those right behind the superblock. */
  public void add(ByteBuffer bits) {
    while (bits.hasRemaining() && knownChunks < geometry.chunks()) {
      int octet = bits.get() & 0xff;
      int inThisOctet = (int) Math.min(8, geometry.chunks() - knownChunks);
      for (int bit = 0; bit < inThisOctet; bit++) {
        if ((octet & 1 << bit) != 0) {
          dirty.set((int) knownChunks + bit);
        }
      }
      knownChunks += inThisOctet;
    }
  }

  public BitmapSuperblock superblock() {
    return superblock;
  }

  public BitmapGeometry geometry() {
    return geometry;
  }

  /** How many bits were there to be read: fewer than there should be when it was cut short. */
  public long knownChunks() {
    return knownChunks;
  }

  public boolean isDirty(int chunk) {
    return dirty.get(chunk);
  }

  public int dirtyChunks() {
    return dirty.cardinality();
  }

  /** {@inheritDoc} What could not be read may be anything, and counts as set. */
  @Override
  public int nextSet(int from) {
    int set = dirty.nextSetBit(from);
    int unknown = (int) Math.max(from, knownChunks);
    if (unknown < geometry.chunks() && (set < 0 || unknown < set)) {
      return unknown;
    }
    return set;
  }

  /** {@inheritDoc} Whether it must be copied is not for the bitmap alone to say. */
  @Override
  public ChunkState stateOf(int chunk) {
    return ChunkState.DIRTY;
  }
}
