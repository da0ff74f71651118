package io.nbdmirror.io.file;

import io.nbdmirror.io.nativecalls.FileStatus;
import io.nbdmirror.io.nativecalls.NativeCalls;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Finds in /proc who has a file open. What may not be read there is passed over. */
final class OpenFiles {
  /** The two lowest bits of the flags in fdinfo, which is octal: how a file is open. */
  private static final int ACCESS_MODE = 3;

  private OpenFiles() {}

  /** Who has the file open for writing, as a sentence goes on after "by". */
  static String writer(NativeCalls calls, FileStatus status) {
    String writer = writer(calls, status, "none");
    return writer == null ? "another process" : writer;
  }

  /** The same, apart from this process; null when none is seen. */
  static @Nullable String foreignWriter(NativeCalls calls, FileStatus status) {
    return writer(calls, status, String.valueOf(ProcessHandle.current().pid()));
  }

  /**
   * Who has locked the file, which needs no descriptor open for writing; null when that can't be
   * told.
   *
   * <pre>
   *   1: FLOCK  ADVISORY  WRITE 4711 fe:00:131077 0 EOF
   *      kind             process  device in hexadecimal and inode
   * </pre>
   */
  static @Nullable String lockHolder(FileStatus status) {
    String file =
        "%02x:%02x:%d".formatted(status.device().major(), status.device().minor(), status.inode());
    for (String line : SystemFiles.lines(Path.of("/proc/locks"))) {
      String[] fields = line.trim().split("\\s+", -1);
      // A process of another container has no number here.
      if (fields.length > 5
          && fields[1].equals("FLOCK")
          && fields[5].equals(file)
          && fields[4].matches("[1-9]\\d*")) {
        return named(fields[4]);
      }
    }
    return null;
  }

  private static @Nullable String writer(NativeCalls calls, FileStatus status, String except) {
    for (Path process : SystemFiles.list(Path.of("/proc"))) {
      Path leaf = process.getFileName();
      if (leaf != null
          && leaf.toString().matches("\\d+")
          && !leaf.toString().equals(except)
          && writes(calls, process, status)) {
        return named(leaf.toString());
      }
    }
    return null;
  }

  private static String named(String process) {
    String name = String.join(" ", SystemFiles.lines(Path.of("/proc", process, "comm")));
    return "process %s%s".formatted(process, name.isEmpty() ? "" : " (" + name + ")");
  }

  private static boolean writes(NativeCalls calls, Path process, FileStatus status) {
    for (Path descriptor : SystemFiles.list(process.resolve("fd"))) {
      if (isSame(calls, descriptor, status)
          && isForWriting(process.resolve("fdinfo").resolve(descriptor.getFileName()))) {
        return true;
      }
    }
    return false;
  }

  private static boolean isForWriting(Path info) {
    for (String line : SystemFiles.lines(info)) {
      if (line.startsWith("flags:")) {
        return (Long.parseLong(line.substring("flags:".length()).trim(), 8) & ACCESS_MODE) != 0;
      }
    }
    return false;
  }

  /** Whether {@code path}, a link of /proc with it, leads to the very file. */
  static boolean isSame(NativeCalls calls, Path path, FileStatus status) {
    if (!Files.exists(path)) {
      return false;
    }
    ByteBuffer buffer = ByteBuffer.allocateDirect(FileStatus.BYTES).order(ByteOrder.nativeOrder());
    return calls.status(path.toString(), buffer) >= 0 && FileStatus.of(buffer).isSame(status);
  }
}
