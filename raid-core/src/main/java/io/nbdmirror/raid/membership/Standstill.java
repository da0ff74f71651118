package io.nbdmirror.raid.membership;

/**
 * A moment in which no write is between its first and its last bit, no bits are being cleared and
 * every superblock is as it should be: then who the members are may change (I14). Used on the
 * array's loop; one at a time.
 */
public interface Standstill {
  /** Holds what comes from now on; {@code still} runs when all that was under way has ended. */
  void begin(Runnable still);

  /** Lets everything go on. */
  void end();
}
