package io.nbdmirror.raid;

import io.nbdmirror.bitmap.storage.StoredCopies;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.raid.bitmap.ArrayBitmap;
import io.nbdmirror.raid.bitmap.BitmapPlace;
import io.nbdmirror.raid.bitmap.InternalSpace;
import io.nbdmirror.raid.bitmap.NewBitmap;
import io.nbdmirror.raid.member.Member;
import io.nbdmirror.raid.member.Members;
import io.nbdmirror.raid.superblock.MdSuperblock;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * What an array comes to when it is given another size: how long, what each member's superblock
 * will say, and which bitmap goes with it. Immutable.
 *
 * @param rooms one for each member that has not failed
 * @param place of the bitmap: a fresh one beside the superblocks, or the file that it is in
 * @param layout of the bitmap; its chunks are doubled until it fits
 */
record GrowthPlan(long sizeBytes, List<MemberRoom> rooms, BitmapPlace place, NewBitmap layout) {
  /** The array's size is a multiple of this, as mdadm has it. */
  private static final int SIZE_UNIT_BYTES = 1024;

  /** More bits are not worth holding: a bitmap of 128 MiB. */
  private static final long MAX_CHUNKS = 1L << 30;

  /** More bits than these are not kept in memory for an array without a bitmap. */
  private static final int MAX_CHUNKS_IN_MEMORY = 1 << 19;

  /**
   * Works it out; asks every member's device how long it is.
   *
   * @param wantedBytes 0 for as much as all members have room for
   * @param mayShrink whether it may be less than now
   * @throws DeviceException with the sentence why it cannot be
   */
  static GrowthPlan of(
      long wantedBytes, boolean mayShrink, Mirror mirror, Members members, ArrayBitmap now)
      throws DeviceException {
    List<MemberRoom> rooms = new ArrayList<>();
    for (Member member : members.all()) {
      if (!member.isFaulty()) {
        rooms.add(MemberRoom.of(member));
      }
    }
    long size = sizeOf(wantedBytes, mayShrink, mirror, rooms);
    for (MemberRoom room : rooms) {
      room.superblock().setSize(size / MdSuperblock.SECTOR_BYTES);
    }
    if (now.failure() != null) {
      throw refusal(
          "array %s does not use its write-intent bitmap any more: take it away first, with:"
                  .formatted(mirror.name())
              + " nbdmirror bitmap remove");
    }
    NewBitmap same = mirror.bitmapLayout(now.current().geometry().chunkBytes()).withSize(size);
    while ((size - 1) / same.chunkBytes() >= MAX_CHUNKS) {
      same = same.withDoubledChunk();
    }
    return switch (now.place().kind()) {
      case INTERNAL -> onMembers(size, rooms, same, now, mirror);
      case RAW, FILE -> inFile(size, rooms, same, now);
      case NONE -> new GrowthPlan(size, rooms, now.place(), inMemory(same));
    };
  }

  private static long sizeOf(
      long wantedBytes, boolean mayShrink, Mirror mirror, List<MemberRoom> rooms)
      throws DeviceException {
    MemberRoom least =
        rooms.stream().min(Comparator.comparingLong(MemberRoom::maxSectors)).orElseThrow();
    long mostBytes =
        least.maxSectors() * MdSuperblock.SECTOR_BYTES / SIZE_UNIT_BYTES * SIZE_UNIT_BYTES;
    long size = wantedBytes == 0 ? Math.max(mostBytes, mirror.sizeBytes()) : wantedBytes;
    if (size < 0 || size % SIZE_UNIT_BYTES != 0) {
      throw refusal("a size of %d bytes is no multiple of %d".formatted(size, SIZE_UNIT_BYTES));
    }
    if (size > mostBytes && size > mirror.sizeBytes()) {
      throw refusal(
          "%s has room for %d bytes of data: make it larger first, then grow array %s"
              .formatted(least.member().path(), mostBytes, mirror.name()));
    }
    if (size == mirror.sizeBytes()) {
      throw refusal(
          wantedBytes == 0
              ? "array %s is as large as its members allow, %d bytes: make them larger first; %s"
                      .formatted(mirror.name(), size, least.member().path())
                  + " has no more room"
              : "array %s has %d bytes already".formatted(mirror.name(), size));
    }
    if (size < mirror.sizeBytes() && !mayShrink) {
      throw refusal(
          "array %s has %d bytes, and what lies behind %d would be lost: give --force to shrink it"
              .formatted(mirror.name(), mirror.sizeBytes(), size));
    }
    return size;
  }

  private static GrowthPlan onMembers(
      long size, List<MemberRoom> rooms, NewBitmap same, ArrayBitmap now, Mirror mirror)
      throws DeviceException {
    InternalSpace space =
        new InternalSpace(
            rooms.stream().map(MemberRoom::forBitmap).toList(),
            now.place(),
            now.current().geometry());
    for (NewBitmap layout = same; isPossible(layout); layout = layout.withDoubledChunk()) {
      int offset = space.find(layout.geometry());
      if (offset != 0) {
        List<StoredCopies.Copy> copies = new ArrayList<>();
        for (MemberRoom room : rooms) {
          if (room.member().isWritable()) {
            copies.add(
                new StoredCopies.Copy(
                    room.member().device(),
                    (room.superblock().superOffset() + offset) * MdSuperblock.SECTOR_BYTES));
          }
        }
        return new GrowthPlan(
            size, rooms, new BitmapPlace(BitmapPlace.Kind.INTERNAL, offset, copies), layout);
      }
    }
    throw refusal(
        ("the members of array %s have no room for a second bitmap beside the one they have: take"
                + " it away, grow the array, and add one again, with: nbdmirror bitmap remove,"
                + " nbdmirror bitmap add")
            .formatted(mirror.name()));
  }

  private static GrowthPlan inFile(
      long size, List<MemberRoom> rooms, NewBitmap same, ArrayBitmap now) throws DeviceException {
    long roomBytes = now.place().copies().getFirst().device().sizeBytes();
    for (NewBitmap layout = same; isPossible(layout); layout = layout.withDoubledChunk()) {
      if (layout.geometry().storedBytes() <= roomBytes) {
        return new GrowthPlan(size, rooms, now.place(), layout);
      }
    }
    throw refusal("no bitmap for %d bytes fits into %d".formatted(size, roomBytes));
  }

  private static NewBitmap inMemory(NewBitmap same) {
    NewBitmap layout = same;
    while ((layout.sizeBytes() - 1) / layout.chunkBytes() >= MAX_CHUNKS_IN_MEMORY) {
      layout = layout.withDoubledChunk();
    }
    return layout;
  }

  private static boolean isPossible(NewBitmap layout) {
    return layout.chunkBytes() <= NewBitmap.MAX_CHUNK_BYTES;
  }

  private static DeviceException refusal(String sentence) {
    return new DeviceException(Errno.EBUSY, sentence);
  }

  /** Whether the bitmap is rewritten where it is, and must not be believed meanwhile. */
  boolean rewritesFile() {
    return place.isInFile();
  }
}
