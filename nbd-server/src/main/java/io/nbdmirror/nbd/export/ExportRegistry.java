package io.nbdmirror.nbd.export;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The exports there are, by name. May be changed and asked on any thread at any time; what clients
 * already have attached to is not affected by a change.
 */
public final class ExportRegistry {
  /** Replaced as a whole, so that readers need no lock. */
  private volatile Contents contents = new Contents(Map.of(), null);

  private record Contents(Map<String, Export> byName, @Nullable String defaultName) {}

  /**
   * Offers an export.
   *
   * @throws IllegalArgumentException if the name is taken
   */
  public synchronized void add(Export export) {
    if (contents.byName.containsKey(export.name())) {
      throw new IllegalArgumentException(
          "there is already an export named '%s'; give one of the two another name"
              .formatted(export.name()));
    }
    Map<String, Export> changed = new TreeMap<>(contents.byName);
    changed.put(export.name(), export);
    contents = new Contents(changed, contents.defaultName);
  }

  /** Offers it no longer; does nothing if another or none is offered under its name. */
  public synchronized void remove(Export export) {
    if (offers(export)) {
      Map<String, Export> changed = new TreeMap<>(contents.byName);
      changed.remove(export.name());
      contents = new Contents(changed, contents.defaultName);
    }
  }

  /** Marks which name the empty name stands for; null for none. It need not exist yet. */
  public synchronized void setDefault(@Nullable String name) {
    contents = new Contents(contents.byName, name);
  }

  /**
   * The export that clients mean by {@code name}, or null. The empty name means the one marked as
   * default or, where none is, the only one there is.
   */
  public @Nullable Export find(String name) {
    Contents now = contents;
    Export named = now.byName.get(name);
    if (named != null || !name.isEmpty()) {
      return named;
    }
    if (now.defaultName != null) {
      return now.byName.get(now.defaultName);
    }
    return now.byName.size() == 1 ? now.byName.values().iterator().next() : null;
  }

  /** Whether this very export is offered now. */
  public boolean offers(Export export) {
    return export.equals(contents.byName.get(export.name()));
  }

  /** All of them, by name. */
  public List<Export> list() {
    return List.copyOf(contents.byName.values());
  }
}
