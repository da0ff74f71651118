package io.nbdmirror.nbd.transmission;

import io.nbdmirror.nbd.protocol.Command;

/**
 * Told about every request that was answered, or would have been had its client stayed. Called on
 * the export's loop, with the requests of a batch one after the other: it must cost nanoseconds.
 */
@FunctionalInterface
public interface RequestMeter {
  /** Measures nothing. */
  RequestMeter NONE = (command, errno, lengthBytes, nanos) -> {};

  /**
   * Takes one measurement.
   *
   * @param errno what the client was told; 0 when the request was done
   * @param lengthBytes as the request had it
   * @param nanos from the receive that brought the request to the flush that sent its reply
   */
  void requestEnded(Command command, int errno, long lengthBytes, long nanos);
}
