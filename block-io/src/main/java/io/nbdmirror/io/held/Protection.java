package io.nbdmirror.io.held;

import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.io.file.ExclusiveUse;
import io.nbdmirror.io.nativecalls.Linux;
import io.nbdmirror.io.nativecalls.NativeCalls;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps everybody else from changing a file that is written past its filesystem: the immutable flag
 * where we may set it, else a read lease, which a writer's open breaks, but only after it has
 * waited for us. Blocks; any thread, not two at a time.
 *
 * <pre>
 *   flag set? ─yes─▶ read lease granted? ─yes─▶ lease given back: FLAG
 *      │no              │no: somebody has it open for writing ─▶ undone, refused
 *      └──────────────▶ read lease granted? ─yes─▶ lease kept: LEASE
 * </pre>
 */
final class Protection {
  private static final Logger LOG = LoggerFactory.getLogger(Protection.class);

  private final LockedFile file;
  private final ImmutableFlag flag;
  private final boolean byFlag;
  private final boolean flagWasThere;

  private Protection(LockedFile file, ImmutableFlag flag, boolean byFlag, boolean flagWasThere) {
    this.file = file;
    this.flag = flag;
    this.byFlag = byFlag;
    this.flagWasThere = flagWasThere;
  }

  /**
   * Protects the file, or leaves it as it was.
   *
   * @throws DeviceException who has it open for writing
   * @throws RawImpossibleException when neither way is open to this process
   */
  static Protection of(LockedFile file) throws DeviceException, RawImpossibleException {
    ImmutableFlag flag = new ImmutableFlag(file.calls(), file.fd());
    boolean wasThere = flag.isSet();
    int flagged = wasThere ? 0 : flag.change(true);
    if (wasThere) {
      LOG.info("{} is still immutable from a server that was killed: taken over", file.path());
    }
    Protection protection = new Protection(file, flag, flagged == 0, wasThere);
    int leased = protection.lease();
    if (flagged == 0 && leased >= 0) {
      file.calls().fcntl(file.fd(), Linux.F_SETLEASE, Linux.F_UNLCK);
      return protection;
    }
    if (leased >= 0) {
      return protection;
    }
    protection.undo();
    if (leased == -Errno.EAGAIN) {
      throw new ExclusiveUse(file.calls()).openForWriting(file.path(), file.status());
    }
    NativeCalls calls = file.calls();
    throw new RawImpossibleException(
        flagged == 0
            ? "whether anybody has it open for writing cannot be told (lease: %s)"
                .formatted(calls.text(-leased))
            : "it cannot be protected from others (immutable flag: %s; lease: %s)"
                .formatted(calls.text(-flagged), calls.text(-leased)));
  }

  private int lease() {
    // Should somebody open it, a signal says so; the usual one would end the JVM.
    file.calls().fcntl(file.fd(), Linux.F_SETSIG, Linux.SIGURG);
    return file.calls().fcntl(file.fd(), Linux.F_SETLEASE, Linux.F_RDLCK);
  }

  /** What it consists of, as the log has it. */
  String describe() {
    return byFlag ? "immutable" : "under a lease";
  }

  /** What of it is gone, as a sentence goes on after the file's name; null when it is in force. */
  @Nullable String whatIsGone() {
    if (byFlag) {
      return flag.isSet() ? null : "is no longer immutable, somebody took the flag away";
    }
    int lease = file.calls().fcntl(file.fd(), Linux.F_GETLEASE, 0);
    return lease == Linux.F_RDLCK
        ? null
        : "is being opened for writing or cut by another process, which broke the lease on it";
  }

  /** Leaves the file as it was found, when it is not to be used after all. */
  void undo() {
    if (byFlag && flagWasThere) {
      return;
    }
    giveBack();
  }

  /** Only when nothing can be written past the filesystem any more. */
  void giveBack() {
    if (!byFlag) {
      file.calls().fcntl(file.fd(), Linux.F_SETLEASE, Linux.F_UNLCK);
      return;
    }
    int result = flag.change(false);
    if (result < 0) {
      LOG.warn(
          "{} stays immutable, the flag cannot be taken away: {}; `nbdmirror bitmap release {}` as"
              + " root does",
          file.path(),
          file.calls().text(-result),
          file.path());
    }
  }
}
