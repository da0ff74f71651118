package io.nbdmirror.io.held;

import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.nativecalls.NativeCalls;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The immutable flag of a file that nobody holds: a server that was killed left it. */
final class LeftoverFlag {
  private static final Logger LOG = LoggerFactory.getLogger(LeftoverFlag.class);

  private LeftoverFlag() {}

  /** Of a file that is not open yet; whether there was one. */
  static boolean takeAway(NativeCalls calls, String path) throws DeviceException {
    LockedFile file = LockedFile.open(calls, path);
    try {
      return takeAway(file);
    } finally {
      file.close();
    }
  }

  /** Of a file that we have locked; whether there was one. */
  static boolean takeAway(LockedFile file) throws DeviceException {
    ImmutableFlag flag = new ImmutableFlag(file.calls(), file.fd());
    if (!flag.isSet()) {
      return false;
    }
    int result = flag.change(false);
    if (result < 0) {
      throw new DeviceException(
          -result,
          ("%s is immutable, left so by a server that was killed, and the flag cannot be taken away"
                  + " (%s); run `nbdmirror bitmap release %s` as root")
              .formatted(file.path(), file.calls().text(-result), file.path()));
    }
    LOG.info("{} was still immutable from a server that was killed: no longer", file.path());
    return true;
  }
}
