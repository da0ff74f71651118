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

  /** How long a client whose requests are not read any more is left without a word. */
  long shutdownPatienceNanos();

  /** The peer, as log lines name it. */
  String peer();

  /** Why the connection is about to end; the first reason told is the one that counts. */
  void ending(String why);

  /**
   * The channel is closed and none of its requests is at the device any more. Told once, on the
   * loop.
   */
  void ended();
}
