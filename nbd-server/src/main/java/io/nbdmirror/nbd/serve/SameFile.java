package io.nbdmirror.nbd.serve;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Finds the same file behind two names: links, or two nodes of one block device. */
final class SameFile {
  private static final int TYPE_MASK = 0xf000;
  private static final int BLOCK_SPECIAL = 0x6000;

  private SameFile() {}

  /**
   * @throws StartException naming both, when two of the paths lead to the same file
   */
  static void refuse(List<String> paths) throws StartException {
    Map<String, String> seen = new HashMap<>();
    for (String path : paths) {
      String earlier = seen.putIfAbsent(identity(path), path);
      if (earlier != null) {
        throw new StartException(
            earlier.equals(path)
                ? path + " is given twice: give each member once"
                : "%s and %s are the same file: give each member once".formatted(earlier, path));
      }
    }
  }

  /** The same for every name of one file or block device, and for no other. */
  static String identity(String path) {
    try {
      Map<String, Object> attributes =
          Files.readAttributes(Path.of(path), "unix:mode,dev,ino,rdev");
      boolean block =
          attributes.get("mode") instanceof Integer mode && (mode & TYPE_MASK) == BLOCK_SPECIAL;
      return block
          ? "device " + attributes.get("rdev")
          : attributes.get("dev") + " " + attributes.get("ino");
    } catch (IOException | InvalidPathException _) {
      // Opening it will say what is wrong with it, in the words for that.
      return "path " + path;
    }
  }
}
