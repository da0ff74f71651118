package io.nbdmirror.raid.superblock;

/** A device has no superblock that can be used; the message is one sentence for a person. */
public final class SuperblockException extends Exception {
  private static final long serialVersionUID = 1L;

  /** What is wrong, for those who treat cases differently. */
  public enum Problem {
    /** No md superblock at any of the places where one may be. */
    ABSENT,
    /** One is there and damaged: its checksum does not match. */
    BAD_CHECKSUM,
    /** One is there, and intact, that needs something this program does not have. */
    UNSUPPORTED,
    /** One is there, and intact, whose fields contradict each other or the device's size. */
    CONTRADICTORY,
    /** The device could not be read. */
    UNREADABLE
  }

  private final Problem problem;

  SuperblockException(Problem problem, String message) {
    super(message);
    this.problem = problem;
  }

  public Problem problem() {
    return problem;
  }
}
