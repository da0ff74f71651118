package io.nbdmirror.raid.membership;

import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;

/** Why a change is not made, as a sentence for a person; nothing was changed. */
final class Refusal {
  private Refusal() {}

  static DeviceException because(String sentence) {
    return new DeviceException(Errno.EBUSY, sentence);
  }
}
