package io.nbdmirror.integration.heldfile;

import io.nbdmirror.integration.member.TwoMembers;
import io.nbdmirror.integration.process.Command;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** A filesystem in a sparse file, mounted through a loop device until it is closed. */
public final class MountedImage implements AutoCloseable {
  /** Kinds of filesystems, by what makes them. */
  public enum Kind {
    EXT4_1K(64, "mkfs.ext4 -q -F -b 1024"),
    EXT4_2K(64, "mkfs.ext4 -q -F -b 2048"),
    EXT4_4K(64, "mkfs.ext4 -q -F -b 4096"),
    EXT4_INLINE(64, "mkfs.ext4 -q -F -O inline_data -I 512"),
    XFS(320, "mkfs.xfs -q -f");

    private final long mebibytes;
    private final String maker;

    Kind(long mebibytes, String maker) {
      this.mebibytes = mebibytes;
      this.maker = maker;
    }
  }

  private final Path image;
  private final String loop;
  private final Path folder;
  private final boolean ext;
  private boolean mounted;

  private MountedImage(Path image, String loop, Path folder, boolean ext) {
    this.image = image;
    this.loop = loop;
    this.folder = folder;
    this.ext = ext;
  }

  /** Mounts a new filesystem with the usual options. */
  public static MountedImage of(Path where, Kind kind) throws IOException {
    return of(where, kind, 0, "rw");
  }

  /**
   * Mounts a new filesystem.
   *
   * @param offsetBytes where in the file the loop device begins
   */
  public static MountedImage of(Path where, Kind kind, long offsetBytes, String options)
      throws IOException {
    long bytes = kind.mebibytes << 20;
    Path image = TwoMembers.sparse(where.resolve(kind + ".fs"), offsetBytes + bytes);
    String loop =
        Command.of("losetup", "-f", "--show", "-o", offsetBytes, image).run().out().strip();
    Path folder = Files.createDirectories(where.resolve(kind + ".mnt"));
    MountedImage mount = new MountedImage(image, loop, folder, kind != Kind.XFS);
    Command.of((Object[]) kind.maker.split(" ", -1)).and(loop).run();
    mount.mount(options);
    return mount;
  }

  private void mount(String options) {
    Command.of("mount", "-o", options, loop, folder).run();
    mounted = true;
  }

  public Path folder() {
    return folder;
  }

  public String device() {
    return loop;
  }

  public Path image() {
    return image;
  }

  public void remount(String options) {
    Command.of("mount", "-o", "remount," + options, folder).run();
  }

  /** Unmounts it and has the filesystem's own checker look at it. */
  public void unmountAndCheck() {
    unmount();
    if (ext) {
      Command.of("e2fsck", "-fn", loop).run();
    } else {
      Command.of("xfs_repair", "-n", loop).run();
    }
    mount("rw");
  }

  private void unmount() {
    if (mounted) {
      mounted = false;
      Command.of("umount", folder).run();
    }
  }

  @Override
  public void close() {
    Command.of("chattr", "-R", "-i", folder).attempt();
    unmount();
    Command.of("losetup", "-d", loop).attempt();
  }
}
