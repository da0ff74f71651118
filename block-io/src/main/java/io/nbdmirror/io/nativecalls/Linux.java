package io.nbdmirror.io.nativecalls;

/** Numbers from Linux's headers, for x86-64 and aarch64. */
public final class Linux {
  public static final int O_RDONLY = 0;
  public static final int O_WRONLY = 1;
  public static final int O_RDWR = 2;
  public static final int O_ACCMODE = 3;
  public static final int O_CREAT = 0x40;
  public static final int O_EXCL = 0x80;
  public static final int O_NONBLOCK = 0x800;
  public static final int O_DSYNC = 0x1000;
  public static final int O_CLOEXEC = 0x80000;

  /** To ask about a file without opening it. */
  public static final int O_PATH = 0x200000;

  /** The one open flag we use whose number depends on the architecture. */
  public static final int O_DIRECT =
      System.getProperty("os.arch", "").equals("aarch64") ? 0x10000 : 0x4000;

  public static final int RWF_DSYNC = 2;
  public static final int RWF_NOWAIT = 8;

  public static final int FALLOC_FL_KEEP_SIZE = 0x01;
  public static final int FALLOC_FL_PUNCH_HOLE = 0x02;
  public static final int FALLOC_FL_ZERO_RANGE = 0x10;

  public static final int SEEK_DATA = 3;
  public static final int SEEK_HOLE = 4;

  public static final int LOCK_EX = 2;
  public static final int LOCK_NB = 4;

  public static final int F_SETSIG = 10;
  public static final int F_SETLEASE = 1024;
  public static final int F_GETLEASE = 1025;
  public static final int F_RDLCK = 0;
  public static final int F_UNLCK = 2;

  /** Ignored by default, unlike the signal a broken lease sends otherwise, which kills. */
  public static final int SIGURG = 23;

  public static final long BLKSSZGET = 0x1268;
  public static final long BLKGETSIZE64 = 0x80081272L;

  public static final int POSIX_FADV_WILLNEED = 3;
  public static final int POSIX_FADV_DONTNEED = 4;

  public static final int IN_NONBLOCK = O_NONBLOCK;
  public static final int IN_CLOEXEC = O_CLOEXEC;
  public static final int IN_CLOSE_WRITE = 0x8;
  public static final int IN_OPEN = 0x20;
  public static final int IN_Q_OVERFLOW = 0x4000;

  public static final long FIBMAP = 0x1;
  public static final long FIGETBSZ = 0x2;
  public static final long FS_IOC_FIEMAP = 0xc020660bL;
  public static final long FS_IOC_GETFLAGS = 0x80086601L;
  public static final long FS_IOC_SETFLAGS = 0x40086602L;
  public static final long FS_IOC_FSGETXATTR = 0x801c581fL;

  public static final int FS_IMMUTABLE_FL = 0x10;
  public static final int FS_JOURNAL_DATA_FL = 0x4000;
  public static final int FS_XFLAG_REALTIME = 0x1;

  static final int PR_SET_IO_FLUSHER = 57;
  static final int MCL_CURRENT = 1;
  static final int MCL_FUTURE = 2;
  static final int MCL_ONFAULT = 4;

  static final int AT_FDCWD = -100;
  static final int AT_EMPTY_PATH = 0x1000;

  private Linux() {}
}
