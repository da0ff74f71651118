package io.nbdmirror.io.simulation;

/**
 * Told what happens on a simulated device, at the moment it does: it may look at the device, fork
 * it or cut its power, but make no request.
 */
@FunctionalInterface
public interface DeviceListener {
  void happened(SimulatedDevice device, DeviceEvent event);
}
