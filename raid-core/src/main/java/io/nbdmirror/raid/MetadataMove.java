package io.nbdmirror.raid;

import io.nbdmirror.io.Completion;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.raid.event.ArrayHealth;
import io.nbdmirror.raid.superblock.MdSuperblock;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import java.util.ArrayDeque;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Moves what lies beside the superblocks of members whose superblock moves: the bad-block log goes
 * along before it, and when the new superblocks are in force the old ones are zeroed, so that
 * nobody who looks where the device once ended finds one. Whatever interrupts this, the old place
 * is whole until every member has the new one. Used on the array's loop.
 */
final class MetadataMove {
  private static final int AREA_BYTES = MemberRoom.PAGE * MdSuperblock.SECTOR_BYTES;

  private final ArrayDeque<MemberRoom> moved = new ArrayDeque<>();

  MetadataMove(List<MemberRoom> rooms) {
    rooms.stream().filter(room -> room.movedSectors() > 0).forEach(moved::add);
  }

  /** Copies the logs; nobody reads them there yet. */
  void copy(Completion done) {
    MemberRoom room = moved.poll();
    if (room == null) {
      done.completed(null);
      return;
    }
    MdSuperblock future = room.superblock();
    if (future.bblogSize() == 0) {
      copy(done);
      return;
    }
    long to = (future.superOffset() + future.bblogOffset()) * MdSuperblock.SECTOR_BYTES;
    long from = to - room.movedSectors() * MdSuperblock.SECTOR_BYTES;
    int length = future.bblogSize() * MdSuperblock.SECTOR_BYTES;
    ByteBuf log = PooledByteBufAllocator.DEFAULT.directBuffer(length, length);
    room.member()
        .device()
        .read(
            from,
            log,
            0,
            length,
            failure -> {
              if (failure == null) {
                room.member().device().write(to, log, 0, length, true, f -> copied(log, f, done));
              } else {
                copied(log, failure, done);
              }
            });
  }

  private void copied(ByteBuf log, @Nullable DeviceException failure, Completion done) {
    log.release();
    if (failure == null) {
      copy(done);
    } else {
      done.completed(failure);
    }
  }

  /** Zeroes the old superblocks; a member that does not take it fails. */
  void forgetOldPlaces(ArrayHealth health, Runnable then) {
    MemberRoom room = moved.poll();
    if (room == null) {
      health.updates().whenSettled(then::run);
      return;
    }
    long old = room.superblock().superOffset() - room.movedSectors();
    if (room.member().isFaulty()) {
      forgetOldPlaces(health, then);
      return;
    }
    room.member()
        .device()
        .writeZeroes(
            old * MdSuperblock.SECTOR_BYTES,
            AREA_BYTES,
            false,
            true,
            failure -> {
              if (failure != null) {
                health.writeFailed(room.member(), failure);
              }
              forgetOldPlaces(health, then);
            });
  }
}
