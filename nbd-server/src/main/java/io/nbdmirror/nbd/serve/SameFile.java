package io.nbdmirror.nbd.serve;

import io.nbdmirror.nbd.array.FileIdentity;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Finds the same file behind two names. */
final class SameFile {
  private SameFile() {}

  /**
   * Looks at all files, and so may block.
   *
   * @throws StartException naming both, when two of the paths lead to the same file
   */
  static void refuse(List<String> paths) throws StartException {
    Map<String, String> seen = new HashMap<>();
    for (String path : paths) {
      String earlier = seen.putIfAbsent(FileIdentity.of(path), path);
      if (earlier != null) {
        throw new StartException(
            earlier.equals(path)
                ? path + " is given twice: give each member once"
                : "%s and %s are the same file: give each member once".formatted(earlier, path));
      }
    }
  }
}
