package io.nbdmirror.io.file;

import io.nbdmirror.io.nativecalls.FileStatus;
import io.nbdmirror.io.nativecalls.NativeCalls;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;

/** Finds in /proc who has a file open. What may not be read there is passed over. */
final class OpenFiles {
  /** The two lowest bits of the flags in fdinfo, which is octal: how a file is open. */
  private static final int ACCESS_MODE = 3;

  private OpenFiles() {}

  /** Who has the file open for writing, as a sentence goes on after "by". */
  static String writer(NativeCalls calls, FileStatus status) {
    for (Path process : BlockSpecial.list(Path.of("/proc"))) {
      Path leaf = process.getFileName();
      if (leaf != null && leaf.toString().matches("\\d+") && writes(calls, process, status)) {
        String name = String.join(" ", BlockSpecial.lines(process.resolve("comm")));
        return "process %s%s".formatted(leaf, name.isEmpty() ? "" : " (" + name + ")");
      }
    }
    return "another process";
  }

  private static boolean writes(NativeCalls calls, Path process, FileStatus status) {
    for (Path descriptor : BlockSpecial.list(process.resolve("fd"))) {
      if (isSame(calls, descriptor, status)
          && isForWriting(process.resolve("fdinfo").resolve(descriptor.getFileName()))) {
        return true;
      }
    }
    return false;
  }

  private static boolean isForWriting(Path info) {
    for (String line : BlockSpecial.lines(info)) {
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
