package io.nbdmirror.io.simulation;

/** What was asked of a device. */
public enum Operation {
  READ("read"),
  WRITE("write"),
  FLUSH("flush"),
  WRITE_ZEROES("zero"),
  DISCARD("discard"),
  EXTENTS("list the extents of");

  private final String verb;

  Operation(String verb) {
    this.verb = verb;
  }

  String verb() {
    return verb;
  }

  /** Whether it changes the contents. */
  public boolean changes() {
    return this == WRITE || this == WRITE_ZEROES || this == DISCARD;
  }
}
