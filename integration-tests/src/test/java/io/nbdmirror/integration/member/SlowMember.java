package io.nbdmirror.integration.member;

import io.nbdmirror.integration.process.Background;
import io.nbdmirror.integration.process.Command;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.awaitility.Awaitility;

/**
 * A file whose writes take their time, seen by the server as an ordinary file: nbdkit delays, and
 * nbdfuse mounts what nbdkit serves. Needs root.
 */
public final class SlowMember implements AutoCloseable {
  private final Path mount;
  private final Background nbdkit;
  private final Background nbdfuse;

  /** Starts both programs; the mount lies in the folder. */
  public SlowMember(Path folder, Path backing, Duration writeDelay) throws IOException {
    Path socket = folder.resolve("slow.sock");
    mount = Files.createDirectories(folder.resolve("slow"));
    nbdkit =
        Background.start(
            folder,
            Command.of("nbdkit", "-f", "-U", socket, "--filter=delay", "file", backing)
                .and("wdelay=" + writeDelay.toMillis() + "ms"));
    Awaitility.await("nbdkit").until(() -> Files.exists(socket));
    nbdfuse =
        Background.start(folder, Command.of("nbdfuse", mount, "nbd+unix:///?socket=" + socket));
    Awaitility.await("nbdfuse").until(() -> Files.exists(file()));
  }

  /** What the server is given as a member. */
  public Path file() {
    return mount.resolve("nbd");
  }

  @Override
  public void close() {
    Command.of("umount", "-l", mount).attempt();
    nbdfuse.close();
    nbdkit.close();
  }
}
