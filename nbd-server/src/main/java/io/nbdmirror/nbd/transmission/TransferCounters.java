package io.nbdmirror.nbd.transmission;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * What one connection has done since it was made. Written by the connection's loop alone; any
 * thread may read, and sees values that are at most moments old.
 */
public final class TransferCounters {
  private static final VarHandle REQUESTS = handle("requests");
  private static final VarHandle ERRORS = handle("errors");
  private static final VarHandle READ_BYTES = handle("readBytes");
  private static final VarHandle WRITTEN_BYTES = handle("writtenBytes");
  private static final VarHandle IN_FLIGHT = handle("inFlight");

  private long requests;
  private long errors;
  private long readBytes;
  private long writtenBytes;
  private long inFlight;

  /** Requests answered, refused ones included. */
  public long requests() {
    return (long) REQUESTS.getOpaque(this);
  }

  /** Requests answered with an error. */
  public long errors() {
    return (long) ERRORS.getOpaque(this);
  }

  /** Bytes the client has read. */
  public long readBytes() {
    return (long) READ_BYTES.getOpaque(this);
  }

  /** Bytes the client has written; zeroes and trims do not count. */
  public long writtenBytes() {
    return (long) WRITTEN_BYTES.getOpaque(this);
  }

  /** Requests that the device has not completed yet. */
  public long inFlight() {
    return (long) IN_FLIGHT.getOpaque(this);
  }

  void requestAnswered(boolean done) {
    REQUESTS.setOpaque(this, requests + 1);
    if (!done) {
      ERRORS.setOpaque(this, errors + 1);
    }
  }

  void read(int bytes) {
    READ_BYTES.setOpaque(this, readBytes + bytes);
  }

  void written(int bytes) {
    WRITTEN_BYTES.setOpaque(this, writtenBytes + bytes);
  }

  void requestStarted() {
    IN_FLIGHT.setOpaque(this, inFlight + 1);
  }

  void requestCompleted() {
    IN_FLIGHT.setOpaque(this, inFlight - 1);
  }

  private static VarHandle handle(String field) {
    try {
      return MethodHandles.lookup().findVarHandle(TransferCounters.class, field, long.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }
}
