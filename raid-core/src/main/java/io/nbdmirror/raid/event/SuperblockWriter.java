package io.nbdmirror.raid.event;

import io.nbdmirror.io.Completion;
import io.nbdmirror.raid.badblocks.BadBlocks;
import io.nbdmirror.raid.member.Member;
import io.nbdmirror.raid.member.Members;
import io.nbdmirror.raid.superblock.MdSuperblock;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.ByteBuffer;
import java.util.IdentityHashMap;

/**
 * Fills in a member's superblock and writes it, durable by itself (I12). The roles in it are those
 * of all members as they are now, numbered as md numbers them. Used on the array's loop.
 */
final class SuperblockWriter {
  private final Members members;

  /** What each member's superblock is written from; memory is taken when a member is added. */
  private final IdentityHashMap<Member, Image> images = new IdentityHashMap<>();

  private record Image(ByteBuffer buffer, ByteBuf bytes) {
    static Image blank() {
      ByteBuffer buffer =
          ByteBuffer.allocateDirect(2 * MdSuperblock.BYTES)
              .alignedSlice(MdSuperblock.BYTES)
              .slice(0, MdSuperblock.BYTES);
      return new Image(buffer, Unpooled.wrappedBuffer(buffer));
    }
  }

  SuperblockWriter(Members members) {
    this.members = members;
    members.all().forEach(this::image);
  }

  private Image image(Member member) {
    return images.computeIfAbsent(member, ignored -> Image.blank());
  }

  /** Forgets those who are no members any more. */
  void keepMembersOnly() {
    images.keySet().retainAll(members.all());
  }

  /**
   * Settles what {@link #write} puts on the member: of one event count, every member's superblock
   * says the same, whoever fails while they are written.
   */
  void prepare(Member member, long events, boolean clean, long wallClockMicros) {
    MdSuperblock superblock = member.superblock();
    superblock.setEvents(events);
    superblock.setUtime(MdSuperblock.packTime(wallClockMicros));
    superblock.setResyncOffset(clean ? MdSuperblock.RESYNC_OFFSET_CLEAN : 0);
    putRoles(superblock);
    putBadBlocks(superblock, member.badBlocks());
    superblock.updateChecksum();
    superblock.copyTo(image(member).buffer(), 0, MdSuperblock.BYTES);
  }

  /** One write a member at a time, of what was prepared last. */
  void write(Member member, Completion done) {
    Image image = image(member);
    if (member.badBlocks().isUnsaved()) {
      BadBlockLogWriter.write(
          member,
          failure -> {
            if (failure == null) {
              writeImage(member, image.bytes(), done);
            } else {
              done.completed(failure);
            }
          });
    } else {
      writeImage(member, image.bytes(), done);
    }
  }

  private static void writeImage(Member member, ByteBuf image, Completion done) {
    MdSuperblock superblock = member.superblock();
    int blockBytes = member.device().blockBytes();
    int length = (superblock.usedBytes() + blockBytes - 1) / blockBytes * blockBytes;
    member
        .device()
        .write(superblock.superOffset() * MdSuperblock.SECTOR_BYTES, image, 0, length, true, done);
  }

  /** The bit is set exactly when the log is not empty; the log is on the medium before it. */
  private static void putBadBlocks(MdSuperblock superblock, BadBlocks badBlocks) {
    int others = superblock.featureMap() & ~MdSuperblock.FEATURE_BAD_BLOCKS;
    superblock.setFeatureMap(
        badBlocks.isEmpty() ? others : others | MdSuperblock.FEATURE_BAD_BLOCKS);
  }

  private void putRoles(MdSuperblock superblock) {
    for (int number = 0; number < superblock.maxDev(); number++) {
      superblock.setRole(number, MdSuperblock.ROLE_SPARE);
    }
    superblock.setRaidDisks(members.slots());
    for (Member member : members.all()) {
      superblock.setRole(member.superblock().devNumber(), roleOf(member));
    }
  }

  private static int roleOf(Member member) {
    return switch (member.state()) {
      case IN_SYNC, REBUILDING -> member.slot();
      case SPARE -> MdSuperblock.ROLE_SPARE;
      case FAULTY -> MdSuperblock.ROLE_FAULTY;
    };
  }
}
