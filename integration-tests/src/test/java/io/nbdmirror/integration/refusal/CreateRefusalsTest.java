package io.nbdmirror.integration.refusal;

import io.nbdmirror.integration.condition.Needs;
import io.nbdmirror.integration.member.TwoMembers;
import io.nbdmirror.integration.process.Command;
import io.nbdmirror.integration.process.Nbdmirror;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Files and disks that {@code create} must not turn into members. The bad one always comes last.
 */
class CreateRefusalsTest {
  private static final long MEMBER_BYTES = 320L << 20;

  @TempDir Path folder;
  private Path good;
  private Path bad;

  @BeforeEach
  void files() {
    TwoMembers files = TwoMembers.blank(folder, "disk", MEMBER_BYTES);
    good = files.first().file();
    bad = files.second().file();
  }

  private static Command create(Object... arguments) {
    return Nbdmirror.command("create", "disk").and(arguments);
  }

  @Test
  @Needs("mkfs.ext4")
  void oneWithAnExt4FilesystemIsRefused() {
    Command.of("mkfs.ext4", "-q", "-F", bad).run();
    new Untouched(good, bad).whileRefusing(create(good, bad), bad, "ext", "--force");
  }

  @Test
  @Needs("mkfs.xfs")
  void oneWithAnXfsFilesystemIsRefused() {
    Command.of("mkfs.xfs", "-q", bad).run();
    new Untouched(good, bad).whileRefusing(create(good, bad), bad, "XFS", "--force");
  }

  @Test
  void oneOfAnotherArrayIsRefused() {
    TwoMembers other = TwoMembers.create(folder, "other", MEMBER_BYTES);
    Path taken = other.first().file();
    new Untouched(good, taken).whileRefusing(create(good, taken), taken, "--force");
  }

  @Test
  void oneGivenTwiceIsRefused() {
    new Untouched(good).whileRefusing(create(good, good), good);
  }

  @Test
  void aSizeThatDoesNotFitIsRefused() {
    new Untouched(good, bad).whileRefusing(create(good, bad, "--size", "400M"), "disk");
  }

  @Test
  void oneThatIsTooSmallIsRefused() throws IOException {
    Path small = Files.write(folder.resolve("small.img"), new byte[4096]);
    new Untouched(good, small).whileRefusing(create(good, small), small);
  }

  @Test
  @Needs(
      value = {"losetup", "mkfs.ext4"},
      root = true)
  void aMountedDiskAndTheFileBelowItAreRefusedByName() throws IOException {
    Command.of("mkfs.ext4", "-q", "-F", bad).run();
    Path mount = Files.createDirectory(folder.resolve("mount"));
    String loop = Command.of("losetup", "-f", "--show", bad).run().out().strip();
    try {
      new Untouched(good).whileRefusing(create(good, bad, "--force"), bad, loop);
      Command.of("mount", loop, mount).run();
      try {
        new Untouched(good).whileRefusing(create(good, loop, "--force"), loop);
      } finally {
        Command.of("umount", mount).run();
      }
    } finally {
      Command.of("losetup", "-d", loop).run();
    }
    Command.of("e2fsck", "-f", "-n", bad).run();
  }
}
