package io.nbdmirror.nbd.serve;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/**
 * An array to be: its UUID, the name it will be exported by, and which of the files given are its
 * members. Immutable.
 */
record ArrayPlan(UUID uuid, String name, List<String> paths) {
  ArrayPlan {
    paths = List.copyOf(paths);
  }

  /**
   * What is known of one file.
   *
   * @param setName as stored; empty when the superblock is damaged
   * @param uuid of its array; of a damaged superblock, if it can still be told
   * @param damaged why the superblock cannot be believed, as a sentence; empty when it can
   */
  record Identity(String path, String setName, Optional<UUID> uuid, String damaged) {}

  /**
   * Sorts files into arrays by UUID, in the order they were given. A file with a damaged superblock
   * goes to the array it says it belongs to, or to the only one: that array then leaves it out.
   *
   * @throws StartException when no array is told of, or two have the same name
   */
  static List<ArrayPlan> of(List<Identity> files) throws StartException {
    Map<UUID, List<String>> paths = new LinkedHashMap<>();
    Map<UUID, String> names = new HashMap<>();
    List<Identity> damaged = new ArrayList<>();
    for (Identity file : files) {
      if (file.damaged().isEmpty()) {
        UUID uuid = file.uuid().orElseThrow();
        paths.computeIfAbsent(uuid, _ -> new ArrayList<>()).add(file.path());
        names.putIfAbsent(uuid, exportName(file.setName(), uuid));
      } else {
        damaged.add(file);
      }
    }
    for (Identity file : damaged) {
      Optional<UUID> uuid = file.uuid().filter(paths::containsKey);
      if (uuid.isEmpty() && paths.size() == 1) {
        uuid = paths.keySet().stream().findFirst();
      }
      paths
          .computeIfAbsent(
              uuid.orElseThrow(() -> new StartException(file.damaged())), _ -> new ArrayList<>())
          .add(file.path());
    }
    requireDistinct(names);
    return paths.entrySet().stream()
        .map(array ->
            new ArrayPlan(array.getKey(), names.getOrDefault(array.getKey(), ""), array.getValue()))
        .toList();
  }

  /** What follows the first colon of the stored name; an array without a name goes by its UUID. */
  private static String exportName(String setName, UUID uuid) {
    String name = setName.substring(setName.indexOf(':') + 1);
    return name.isEmpty() ? uuid.toString() : name;
  }

  private static void requireDistinct(Map<UUID, String> names) throws StartException {
    Map<String, UUID> owners = new HashMap<>();
    for (Map.Entry<UUID, String> array : names.entrySet()) {
      UUID other = owners.putIfAbsent(array.getValue(), array.getKey());
      if (other != null) {
        throw new StartException(
            "two arrays are named '%s', %s and %s: serve them by two servers"
                .formatted(array.getValue(), other, array.getKey()));
      }
    }
  }
}
