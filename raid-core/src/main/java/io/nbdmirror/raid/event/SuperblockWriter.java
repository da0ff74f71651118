package io.nbdmirror.raid.event;

import io.nbdmirror.io.Completion;
import io.nbdmirror.raid.member.Member;
import io.nbdmirror.raid.member.MemberState;
import io.nbdmirror.raid.member.Members;
import io.nbdmirror.raid.superblock.MdSuperblock;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.ByteBuffer;

/**
 * Fills in a member's superblock and writes it, durable by itself (I12). The roles in it are those
 * of all members as they are now, numbered as md numbers them. Used on the array's loop.
 */
final class SuperblockWriter {
  private final Members members;
  private final ByteBuffer[] buffers;
  private final ByteBuf[] bytes;

  SuperblockWriter(Members members) {
    this.members = members;
    int count = members.all().size();
    buffers = new ByteBuffer[count];
    bytes = new ByteBuf[count];
    for (int i = 0; i < count; i++) {
      buffers[i] =
          ByteBuffer.allocateDirect(2 * MdSuperblock.BYTES)
              .alignedSlice(MdSuperblock.BYTES)
              .slice(0, MdSuperblock.BYTES);
      bytes[i] = Unpooled.wrappedBuffer(buffers[i]);
    }
  }

  /** One write a member at a time. */
  void write(Member member, long events, boolean clean, long wallClockMicros, Completion done) {
    MdSuperblock superblock = member.superblock();
    superblock.setEvents(events);
    superblock.setUtime(MdSuperblock.packTime(wallClockMicros));
    superblock.setResyncOffset(clean ? MdSuperblock.RESYNC_OFFSET_CLEAN : 0);
    putRoles(superblock);
    superblock.updateChecksum();
    int index = members.all().indexOf(member);
    superblock.copyTo(buffers[index], 0, MdSuperblock.BYTES);
    int blockBytes = member.device().blockBytes();
    int length = (superblock.usedBytes() + blockBytes - 1) / blockBytes * blockBytes;
    member
        .device()
        .write(
            superblock.superOffset() * MdSuperblock.SECTOR_BYTES,
            bytes[index],
            0,
            length,
            true,
            done);
  }

  private void putRoles(MdSuperblock superblock) {
    for (int number = 0; number < superblock.maxDev(); number++) {
      superblock.setRole(number, MdSuperblock.ROLE_SPARE);
    }
    for (Member member : members.all()) {
      superblock.setRole(
          member.superblock().devNumber(),
          member.state() == MemberState.FAULTY ? MdSuperblock.ROLE_FAULTY : member.slot());
    }
  }
}
