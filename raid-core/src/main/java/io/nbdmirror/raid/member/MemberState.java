package io.nbdmirror.raid.member;

/**
 * What a member is to the array.
 *
 * <pre>
 *   SPARE ──► REBUILDING ──► IN_SYNC
 *     │           │             │
 *     └───────────┴─────────────┴──► FAULTY
 * </pre>
 */
public enum MemberState {
  /** Has all data (where the array is not waiting for resync). */
  IN_SYNC,
  /** Gets every write, lacks older data; never read. */
  REBUILDING,
  /** Gets superblocks only, until a slot is free. */
  SPARE,
  /** Failed: gets nothing, is asked nothing. */
  FAULTY
}
