package io.nbdmirror.nbd.transmission;

import io.nbdmirror.nbd.export.Export;

/** What transmission needs from the server around it. */
public interface TransmissionHost {
  /** The bytes that one connection may have in flight. */
  long connectionLimitBytes();

  /** The bytes that all may have. */
  InFlightBudget budget();

  /** Who is told about the requests to an export. */
  RequestMeter meter(Export export);

  /** Whether new requests are refused, and connections closed once they have none in flight. */
  boolean isShuttingDown();

  /** The peer, as log lines name it. */
  String peer();

  /**
   * The channel is closed and none of its requests is at the device any more. Told once, on the
   * loop.
   */
  void ended();
}
