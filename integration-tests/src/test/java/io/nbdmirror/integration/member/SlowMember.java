package io.nbdmirror.integration.member;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;

/** A file whose writes take their time, seen by the server as an ordinary file. Needs root. */
public final class SlowMember implements AutoCloseable {
  private final ExportedMember member;

  /** Starts what it needs; the mount lies in the folder. */
  public SlowMember(Path folder, Path backing, Duration writeDelay) throws IOException {
    member =
        ExportedMember.of(
            folder,
            "slow",
            "--filter=delay",
            "file",
            backing,
            "wdelay=" + writeDelay.toMillis() + "ms");
  }

  /** What the server is given as a member. */
  public Path file() {
    return member.file();
  }

  @Override
  public void close() {
    member.close();
  }
}
