package io.nbdmirror.io.nativecalls;

/** How far the filesystem below a file can make its caller wait, by {@code statfs}'s type. */
public enum FilesystemType {
  /** In memory: nothing waits. */
  MEMORY,
  /** On a local disk: buffered I/O is a copy to or from the page cache. */
  LOCAL,
  /** Served by a process or another host, or unknown: any call may take for ever. */
  REMOTE;

  /** Bytes of struct statfs, of which the first eight are the type. */
  public static final int BYTES = 256;

  /** Sorts a filesystem by its magic number. */
  public static FilesystemType of(long magic) {
    return switch ((int) magic) {
      case 0x01021994, // tmpfs
          0x858458f6 -> // ramfs
          MEMORY;
      case 0xef53, // ext2, ext3, ext4
          0x58465342, // XFS
          0x9123683e, // btrfs
          0xf2f52010, // F2FS
          0xca451a4e, // bcachefs
          0x3153464a, // JFS
          0x794c7630 -> // overlayfs, whose upper layer is one of these
          LOCAL;
      default -> REMOTE;
    };
  }
}
