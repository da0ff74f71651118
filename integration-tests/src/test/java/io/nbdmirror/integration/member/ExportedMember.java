package io.nbdmirror.integration.member;

import io.nbdmirror.integration.process.Background;
import io.nbdmirror.integration.process.Command;
import io.nbdmirror.integration.process.Nbdmirror;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.awaitility.Awaitility;

/**
 * A file that misbehaves on command, seen by the server as an ordinary file: nbdkit misbehaves, and
 * nbdfuse mounts what nbdkit serves. Needs root.
 */
public final class ExportedMember implements AutoCloseable {
  private final Path mount;
  private final Background nbdkit;
  private final Background nbdfuse;

  private ExportedMember(Path folder, String name, Command plugin) throws IOException {
    Path socket = folder.resolve(name + ".sock");
    mount = Files.createDirectories(folder.resolve(name));
    nbdkit = Background.start(folder, plugin);
    Awaitility.await("nbdkit").until(() -> Files.exists(socket));
    nbdfuse =
        Background.start(folder, Command.of("nbdfuse", mount, "nbd+unix:///?socket=" + socket));
    Awaitility.await("nbdfuse").until(() -> Files.exists(file()));
  }

  private static Command nbdkit(Path folder, String name) {
    return Command.of("nbdkit", "-f", "-U", folder.resolve(name + ".sock"));
  }

  /**
   * With filters of nbdkit.
   *
   * @param name of the folder that is mounted
   * @param flags what nbdkit is given: filters, the plugin and their settings
   */
  public static ExportedMember of(Path folder, String name, Object... flags) throws IOException {
    return new ExportedMember(folder, name, nbdkit(folder, name).and(flags));
  }

  /**
   * With a range that cannot be read, or cannot be written, while there is a file of that name
   * ({@code reads}, {@code writes}) beside the mount that names it: first byte and the byte behind
   * the last. A range that cannot be read can be read again once it is written.
   */
  public static ExportedMember withBadBlocks(Path folder, String name, Path backing)
      throws IOException {
    Path script = Nbdmirror.ROOT.resolve("integration-tests/src/test/resources/member/bad-disk.sh");
    return new ExportedMember(
        folder,
        name,
        nbdkit(folder, name).and("sh", script).with("BACKING", backing).with("BAD", folder));
  }

  /** What the server is given as a member. */
  public Path file() {
    return mount.resolve("nbd");
  }

  /** From now on nothing is answered. */
  public void hang() {
    Command.of("kill", "-STOP", nbdkit.pid()).run();
  }

  /** What was asked meanwhile is answered, and all else from now on. */
  public void goOn() {
    Command.of("kill", "-CONT", nbdkit.pid()).run();
  }

  @Override
  public void close() {
    Command.of("umount", "-l", mount).attempt();
    nbdfuse.close();
    nbdkit.close();
  }
}
