package io.nbdmirror.raid.event;

import io.nbdmirror.io.Completion;
import io.nbdmirror.raid.badblocks.BadBlocks;
import io.nbdmirror.raid.member.Member;
import io.nbdmirror.raid.superblock.BadBlockLog;
import io.nbdmirror.raid.superblock.MdSuperblock;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import java.util.List;

/** Writes a member's bad-block log, durable by itself (I12). */
final class BadBlockLogWriter {
  private BadBlockLogWriter() {}

  static void write(Member member, Completion done) {
    MdSuperblock superblock = member.superblock();
    BadBlocks badBlocks = member.badBlocks();
    List<BadBlockLog.Entry> entries = badBlocks.entries();
    badBlocks.saved();
    int length = superblock.bblogSize() * MdSuperblock.SECTOR_BYTES;
    ByteBuf log = PooledByteBufAllocator.DEFAULT.directBuffer(length, length);
    BadBlockLog.encode(entries, log.nioBuffer(0, length), superblock.bblogShift());
    long at = (superblock.superOffset() + superblock.bblogOffset()) * MdSuperblock.SECTOR_BYTES;
    member
        .device()
        .write(
            at,
            log,
            0,
            length,
            true,
            failure -> {
              log.release();
              done.completed(failure);
            });
  }
}
