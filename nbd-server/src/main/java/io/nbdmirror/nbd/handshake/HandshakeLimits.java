package io.nbdmirror.nbd.handshake;

/**
 * What a client may ask of us before it is attached to an export.
 *
 * @param timeoutNanos from the connection to the last byte of the handshake; then it is closed
 * @param failedOptions how many options may fail; one more and the connection is closed
 */
public record HandshakeLimits(long timeoutNanos, int failedOptions) {
  /** The data of an option; longer is refused without being kept. */
  static final int OPTION_DATA_BYTES = 64 << 10;

  /** The data of an option that is refused; longer and the connection is closed. */
  static final int SKIPPED_BYTES = 32 << 20;

  public static final HandshakeLimits DEFAULT = new HandshakeLimits(10_000_000_000L, 64);
}
