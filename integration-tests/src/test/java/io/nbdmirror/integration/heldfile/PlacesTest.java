package io.nbdmirror.integration.heldfile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.nbdmirror.integration.condition.Needs;
import io.nbdmirror.integration.heldfile.MountedImage.Kind;
import io.nbdmirror.integration.process.Command;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.held.HeldFile;
import io.nbdmirror.io.held.Writing;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Places where a file's blocks must not be written past its filesystem, and what is said there. */
@Needs(
    value = {"losetup", "mkfs.ext4", "mkfs.xfs", "chattr"},
    root = true)
class PlacesTest {
  private static final int SIZE = 5000;

  @TempDir Path folder;

  @Test
  void tmpfs() throws Exception {
    Path mount = mount("tmpfs", "-t", "tmpfs", "none");
    try {
      isFileOnly(mount.resolve("bitmap"), "tmpfs keeps no blocks on a device");
    } finally {
      unmount(mount);
    }
  }

  @Test
  void overlayfs() throws Exception {
    for (String part : new String[] {"lower", "upper", "work"}) {
      Files.createDirectories(folder.resolve(part));
    }
    String parts = "lowerdir=%1$s/lower,upperdir=%1$s/upper,workdir=%1$s/work".formatted(folder);
    Path mount = mount("merged", "-t", "overlay", "-o", parts, "none");
    try {
      isFileOnly(mount.resolve("bitmap"), "overlayfs only shows the files of other filesystems");
    } finally {
      unmount(mount);
    }
  }

  @Test
  void journaledData() throws Exception {
    try (MountedImage mount = MountedImage.of(folder, Kind.EXT4_4K, 0, "data=journal")) {
      isFileOnly(mount.folder().resolve("bitmap"), "ext4 is mounted with data=journal");
    }
  }

  @Test
  void dataInsideAnInode() throws Exception {
    try (MountedImage mount = MountedImage.of(folder, Kind.EXT4_INLINE)) {
      Path tiny = mount.folder().resolve("tiny");
      Files.write(tiny, new byte[100]);
      Command.of("sync").run();
      opensThroughItsFilesystem(tiny, "ext4 has data that lies inside its own structures (inline)");
    }
  }

  @Test
  void blocksThatAreNotThereOrNotWritten() throws Exception {
    try (MountedImage mount = MountedImage.of(folder, Kind.EXT4_4K)) {
      Path hole = mount.folder().resolve("hole");
      Command.of("truncate", "-s", "64K", hole).run();
      opensThroughItsFilesystem(hole, "ext4 has a hole at offset 0 of it");
      Path partly = mount.folder().resolve("partly");
      Files.write(partly, new byte[65_536]);
      Command.of("fallocate", "-p", "-o", "16384", "-l", "8192", partly).run();
      opensThroughItsFilesystem(partly, "ext4 has a hole at offset 16384 of it");
      Path unwritten = mount.folder().resolve("unwritten");
      Command.of("fallocate", "-l", "64K", unwritten).run();
      opensThroughItsFilesystem(
          unwritten, "ext4 has blocks that are allocated but were never written (unwritten)");
    }
  }

  @Test
  void sharedBlocks() throws Exception {
    try (MountedImage mount = MountedImage.of(folder, Kind.XFS)) {
      Path one = mount.folder().resolve("one");
      Files.write(one, new byte[65_536]);
      Path clone = mount.folder().resolve("clone");
      Command.of("cp", "--reflink=always", one, clone).run();
      opensThroughItsFilesystem(clone, "xfs has blocks that another file shares (shared)");
    }
  }

  @Test
  void aFullFilesystemGetsNoFile() throws Exception {
    try (MountedImage mount = MountedImage.of(folder, Kind.EXT4_1K)) {
      Command.of("dd", "if=/dev/zero", "of=" + mount.folder().resolve("filler"), "bs=64K")
          .attempt();
      Path path = mount.folder().resolve("bitmap");
      assertThatThrownBy(() -> create(path, 1 << 20, Writing.AUTO))
          .hasMessage(
              "cannot make %s: its filesystem has no room for its 1048576 bytes".formatted(path));
      assertThat(path).doesNotExist();
    }
  }

  @Test
  void aReadOnlyFilesystem() throws Exception {
    try (MountedImage mount = MountedImage.of(folder, Kind.EXT4_4K)) {
      Path path = mount.folder().resolve("bitmap");
      create(path, SIZE, Writing.AUTO);
      mount.remount("ro");
      assertThatThrownBy(() -> new OpenHeldFile(path, Writing.AUTO))
          .hasMessageContaining("is on a filesystem that is mounted read-only (ext4)");
      Path other = mount.folder().resolve("other");
      assertThatThrownBy(() -> create(other, SIZE, Writing.AUTO))
          .hasMessage("cannot make %s: its filesystem is mounted read-only".formatted(other));
    }
  }

  @Test
  void aFileThatIsThereAlreadyStays() throws Exception {
    Path path = Files.write(folder.resolve("bitmap"), new byte[] {1, 2, 3});
    assertThatThrownBy(() -> create(path, SIZE, Writing.AUTO))
        .hasMessage("cannot make %s: it is there already".formatted(path));
    assertThat(path).hasBinaryContent(new byte[] {1, 2, 3});
  }

  @Test
  void whatIsNoFileOrEmpty() throws Exception {
    assertThatThrownBy(() -> new OpenHeldFile(folder, Writing.AUTO))
        .hasMessage(folder + " is a directory, not a regular file");
    Path empty = Files.createFile(folder.resolve("empty"));
    assertThatThrownBy(() -> new OpenHeldFile(empty, Writing.AUTO)).hasMessage(empty + " is empty");
  }

  /** A file can be made and opened there, only not raw. */
  private static void isFileOnly(Path path, String reason) throws DeviceException, IOException {
    assertThatThrownBy(() -> create(path, SIZE, Writing.RAW))
        .hasMessageContaining("could not be written at its raw block offsets: " + reason)
        .hasMessageContaining("--bitmap-io=file");
    assertThat(path).doesNotExist();
    create(path, SIZE, Writing.AUTO);
    opensThroughItsFilesystem(path, reason);
  }

  private static void opensThroughItsFilesystem(Path path, String reason) throws DeviceException {
    assertThatThrownBy(() -> new OpenHeldFile(path, Writing.RAW))
        .hasMessageContaining("cannot be written at its raw block offsets: " + reason)
        .hasMessageContaining("--bitmap-io=file");
    try (OpenHeldFile held = new OpenHeldFile(path, Writing.AUTO)) {
      assertThat(held.file().isRaw()).isFalse();
      assertThat(held.file().howWritten()).contains(reason);
      byte[] bytes = new byte[(int) Math.min(held.file().sizeBytes(), 4096)];
      bytes[7] = 7;
      held.write(0, bytes);
      assertThat(held.read(0, bytes.length)).isEqualTo(bytes);
    }
  }

  private static void create(Path path, int size, Writing writing) throws DeviceException {
    HeldFile.create(path.toString(), ByteBuffer.allocate(size), writing);
  }

  private Path mount(String name, Object... words) throws IOException {
    Path point = Files.createDirectories(folder.resolve(name));
    Command.of("mount").and(words).and(point).run();
    return point;
  }

  private static void unmount(Path point) {
    Command.of("umount", point).run();
  }
}
