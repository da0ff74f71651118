package io.nbdmirror.nbd.listen;

import java.util.HashMap;
import java.util.Map;

/** How many connections each export has. Any thread may call. */
final class Places {
  private final Map<String, Integer> taken = new HashMap<>();

  /** Takes one more unless there are {@code limit} already. */
  synchronized boolean take(String export, int limit) {
    int now = taken.getOrDefault(export, 0);
    if (now >= limit) {
      return false;
    }
    taken.put(export, now + 1);
    return true;
  }

  /** Gives one back. */
  synchronized void give(String export) {
    taken.computeIfPresent(export, (_, now) -> now == 1 ? null : now - 1);
  }
}
