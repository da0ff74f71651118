package io.nbdmirror.raid.status;

import java.util.List;

/**
 * One array as {@code detail} shows it: what {@code mdadm --detail} tells and the status has no
 * place for.
 *
 * @param metadataVersion "1.2", "1.1" or "1.0"
 * @param createdMicros microseconds since 1970
 * @param updatedMicros microseconds since 1970 of the last superblock update
 * @param eventsCleared the bitmap's; 0 without a bitmap
 */
public record ArrayDetail(
    ArrayStatus status,
    String metadataVersion,
    long createdMicros,
    long updatedMicros,
    long events,
    long eventsCleared,
    List<MemberDetail> members) {

  /**
   * @param path empty when the member is missing
   * @param slot 0 and up; -1 for a spare
   * @param deviceUuid as the member's superblock has it; empty when missing
   */
  public record MemberDetail(
      String path, int slot, String deviceUuid, long dataOffsetBytes, int pendingRequests) {}
}
