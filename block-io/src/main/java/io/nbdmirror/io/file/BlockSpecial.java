package io.nbdmirror.io.file;

import io.nbdmirror.io.nativecalls.DeviceNumber;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What /sys and /proc tell of a block device. What can't be read there counts as not known, never
 * as an error: containers hide it.
 */
final class BlockSpecial {
  private BlockSpecial() {}

  /** Whether it takes discards, and clears what was discarded. */
  static boolean discards(DeviceNumber device) {
    return isPositive(device, "discard_max_bytes") && isPositive(device, "write_zeroes_max_bytes");
  }

  /** What uses it, in words that follow "it"; null when that can't be told. */
  static @Nullable String user(DeviceNumber device) {
    for (DeviceNumber part : withPartitions(device)) {
      String mountPoint = mountPoint(part);
      if (mountPoint != null) {
        return "is mounted at " + mountPoint;
      }
    }
    for (String swap : SystemFiles.lines(Path.of("/proc/swaps"))) {
      String name = swap.split("\\s+", 2)[0];
      if (name.startsWith("/") && number(Path.of("/sys/class/block", leaf(name), "dev"), device)) {
        return "is used as swap space";
      }
    }
    List<Path> holders = SystemFiles.list(directory(device).resolve("holders"));
    return holders.isEmpty() ? null : "is part of /dev/" + holders.getFirst().getFileName();
  }

  private static @Nullable String mountPoint(DeviceNumber device) {
    for (String line : SystemFiles.lines(Path.of("/proc/self/mountinfo"))) {
      String[] fields = line.split(" ", -1);
      if (fields.length > 4 && fields[2].equals(device.toString())) {
        return SystemFiles.unescape(fields[4]);
      }
    }
    return null;
  }

  private static List<DeviceNumber> withPartitions(DeviceNumber device) {
    List<DeviceNumber> all = new ArrayList<>(List.of(device));
    for (Path entry : SystemFiles.list(directory(device))) {
      for (String line : SystemFiles.lines(entry.resolve("partition").resolveSibling("dev"))) {
        String[] parts = line.split(":", -1);
        all.add(new DeviceNumber(Integer.parseInt(parts[0]), Integer.parseInt(parts[1])));
      }
    }
    return all;
  }

  private static boolean isPositive(DeviceNumber device, String limit) {
    Path own = directory(device).resolve("queue").resolve(limit);
    Path disk = directory(device).resolve("..").resolve("queue").resolve(limit);
    List<String> value = SystemFiles.lines(own);
    value = value.isEmpty() ? SystemFiles.lines(disk) : value;
    return !value.isEmpty() && !value.getFirst().equals("0");
  }

  private static boolean number(Path file, DeviceNumber device) {
    return SystemFiles.lines(file).contains(device.toString());
  }

  private static String leaf(String path) {
    return path.substring(path.lastIndexOf('/') + 1);
  }

  /** In its real place, so that ".." is the disk of a partition. */
  private static Path directory(DeviceNumber device) {
    Path link = Path.of("/sys/dev/block", device.toString());
    try {
      return link.toRealPath();
    } catch (IOException e) {
      return link;
    }
  }
}
