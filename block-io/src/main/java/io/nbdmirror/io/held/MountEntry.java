package io.nbdmirror.io.held;

import io.nbdmirror.io.file.SystemFiles;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/**
 * What the system tells of the mount that an open file lies in.
 *
 * <pre>
 *   36 35 98:0 /root /mnt rw,noatime master:1 - ext4 /dev/loop0 rw,data=journal
 *   id                    options    optional   type source     the filesystem's own options
 * </pre>
 *
 * @param type the filesystem's name, "unknown" where it can't be told
 * @param source what was mounted, empty where that can't be told
 * @param options the filesystem's own
 */
record MountEntry(String type, String source, List<String> options) {
  private static final MountEntry UNKNOWN = new MountEntry("unknown", "", List.of());

  /** Of a descriptor of this process. */
  static MountEntry of(int fd) {
    for (String line : SystemFiles.lines(Path.of("/proc/self/fdinfo", String.valueOf(fd)))) {
      if (line.startsWith("mnt_id:")) {
        return find(
            line.substring("mnt_id:".length()).trim(),
            SystemFiles.lines(Path.of("/proc/self/mountinfo")));
      }
    }
    return UNKNOWN;
  }

  /** The mount of that number among the lines of mountinfo. */
  static MountEntry find(String id, List<String> lines) {
    for (String line : lines) {
      List<String> fields = Arrays.asList(line.split(" ", -1));
      int dash = fields.indexOf("-");
      if (fields.getFirst().equals(id) && dash > 0 && fields.size() > dash + 3) {
        return new MountEntry(
            fields.get(dash + 1),
            SystemFiles.unescape(fields.get(dash + 2)),
            Arrays.asList(fields.get(dash + 3).split(",", -1)));
      }
    }
    return UNKNOWN;
  }
}
