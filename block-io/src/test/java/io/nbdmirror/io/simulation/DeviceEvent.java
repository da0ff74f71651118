package io.nbdmirror.io.simulation;

/**
 * Something that happened to a request on a simulated device.
 *
 * @param request tells the requests of one device apart, from 0 on in the order they were made
 * @param errno of a request that has completed: 0 when it was done in full
 */
public record DeviceEvent(
    Phase phase,
    long request,
    Operation operation,
    long offsetBytes,
    long lengthBytes,
    boolean fua,
    int errno) {
  /** How far the request is. */
  public enum Phase {
    /** Made, and not yet had any effect. */
    SUBMITTED,
    /** Had its effect, durability included; its completion runs next. */
    COMPLETED
  }

  public boolean is(Phase other, Operation wanted) {
    return phase == other && operation == wanted;
  }
}
