package io.nbdmirror.raid.membership;

import io.nbdmirror.raid.member.Member;
import io.nbdmirror.raid.member.Members;
import io.nbdmirror.raid.superblock.MdSuperblock;
import org.jspecify.annotations.Nullable;

/**
 * Whether a device that has been a member may come back with only the marked chunks copied to it
 * (md.md 1.4): no bit may have been cleared since it last had everything.
 */
final class ReAddRule {
  private final Members members;
  private final MdSuperblock model;
  private final boolean bitmapTrusted;
  private final long eventsCleared;

  /**
   * @param model the superblock of a member in sync
   * @param bitmapTrusted the array has a bitmap, and it was not kicked
   * @param eventsCleared the bitmap's: bits were cleared up to this event
   */
  ReAddRule(Members members, MdSuperblock model, boolean bitmapTrusted, long eventsCleared) {
    this.members = members;
    this.model = model;
    this.bitmapTrusted = bitmapTrusted;
    this.eventsCleared = eventsCleared;
  }

  /** Why it may not, as a sentence goes on after "because"; null when it may. */
  @Nullable String refusal(MdSuperblock own) {
    if (!own.setUuid().equals(model.setUuid())) {
      return "it belongs to array %s (%s)".formatted(own.setName(), own.setUuid());
    }
    for (Member member : members.all()) {
      if (member.superblock().deviceUuid().equals(own.deviceUuid()) && !member.isFaulty()) {
        return "it is the member that %s is already".formatted(member.path());
      }
    }
    if (own.role(own.devNumber()) >= MdSuperblock.ROLE_SLOT_LIMIT) {
      return "it never was in a slot";
    }
    if (own.hasFeature(MdSuperblock.FEATURE_RECOVERY_OFFSET)) {
      return "it had not got all data when it left";
    }
    if (!bitmapTrusted) {
      return "the array has no write-intent bitmap that would tell what changed";
    }
    if (callsAllOut(own)) {
      return "it was written to without the others";
    }
    if (Long.compareUnsigned(own.events(), eventsCleared) < 0) {
      return "it left at event %s, and bits have been cleared up to event %s"
          .formatted(Long.toUnsignedString(own.events()), Long.toUnsignedString(eventsCleared));
    }
    if (Long.compareUnsigned(own.events(), model.events()) > 0) {
      return "it is at event %s, which is ahead of the array's %s"
          .formatted(Long.toUnsignedString(own.events()), Long.toUnsignedString(model.events()));
    }
    return null;
  }

  /** Then it went on by itself: nobody's bitmap tells what it has that the others lack. */
  private boolean callsAllOut(MdSuperblock own) {
    for (Member member : members.all()) {
      if (member.isInSync()
          && own.role(member.superblock().devNumber()) < MdSuperblock.ROLE_SLOT_LIMIT) {
        return false;
      }
    }
    return true;
  }
}
