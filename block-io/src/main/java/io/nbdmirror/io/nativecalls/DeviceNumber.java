package io.nbdmirror.io.nativecalls;

/** A device as Linux numbers it; prints as {@code /sys} and {@code mountinfo} write it. */
public record DeviceNumber(int major, int minor) {
  @Override
  public String toString() {
    return major + ":" + minor;
  }
}
