package io.nbdmirror.io.engine;

import io.nbdmirror.io.file.SystemFiles;
import io.nbdmirror.io.nativecalls.LibcCalls;
import io.nbdmirror.io.nativecalls.NativeCalls;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What the system is asked for so that writing waits for nothing but devices (I9): a client on this
 * host may be waiting for us with the very memory that we want. Where it is not granted, that is
 * logged once, and everything goes on. Any thread may call.
 */
public final class FlushPath {
  private static final Logger LOG = LoggerFactory.getLogger(FlushPath.class);
  private static final AtomicBoolean REFUSAL_LOGGED = new AtomicBoolean();

  /** CAP_IPC_LOCK, as a bit of CapEff in /proc/self/status. */
  private static final int IPC_LOCK_BIT = 14;

  private static volatile boolean asked;

  private FlushPath() {}

  /** From now on this process serves; before, and in a program that does not, nothing is asked. */
  public static void serve() {
    asked = true;
    lockMemory();
  }

  /** The calling thread does I/O that others may be waiting for. */
  public static void enterThread() {
    if (!asked) {
      return;
    }
    NativeCalls calls = LibcCalls.get();
    int result = calls.becomeIoFlusher();
    if (result < 0 && REFUSAL_LOGGED.compareAndSet(false, true)) {
      LOG.info(
          "I/O threads may wait for memory (PR_SET_IO_FLUSHER: {}): do not mount the device on this"
              + " host when memory is short, or grant CAP_SYS_RESOURCE",
          calls.text(-result));
    }
  }

  /**
   * Keeps the process in memory, if that is allowed without a limit: with one, a later allocation
   * would fail.
   */
  private static void lockMemory() {
    if (!mayLockWithoutLimit()) {
      LOG.info("memory is not locked and may be swapped out: that takes CAP_IPC_LOCK");
      return;
    }
    NativeCalls calls = LibcCalls.get();
    int result = calls.lockMemory();
    if (result < 0) {
      LOG.info("memory cannot be locked and may be swapped out: {}", calls.text(-result));
    }
  }

  private static boolean mayLockWithoutLimit() {
    for (String line : SystemFiles.lines(Path.of("/proc/self/status"))) {
      if (line.startsWith("CapEff:")) {
        long capabilities = Long.parseUnsignedLong(line.substring("CapEff:".length()).trim(), 16);
        return (capabilities >>> IPC_LOCK_BIT & 1) != 0;
      }
    }
    return false;
  }
}
