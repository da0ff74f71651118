package io.nbdmirror.nbd.config;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.tomlj.TomlArray;
import org.tomlj.TomlTable;

/** Settings that stand together in a file, by their names. Immutable. */
public final class ConfigTable {
  private final Path file;
  private final int line;
  private final Map<String, Setting> settings;

  private ConfigTable(Path file, int line, Map<String, Setting> settings) {
    this.file = file;
    this.line = line;
    this.settings = Collections.unmodifiableMap(settings);
  }

  /**
   * One setting. Immutable.
   *
   * @param file it stands in
   * @param value a Boolean, a Long, a String, a list of these, or something that no setting takes
   */
  public record Setting(Path file, int line, String name, Object value) {
    /** True or false. */
    public boolean truth() throws ConfigException {
      if (value instanceof Boolean truth) {
        return truth;
      }
      throw wrong("takes true or false, not " + shown(value));
    }

    /**
     * One text or, if {@code several}, one or a list of them.
     *
     * @param number whether a whole number will do as well
     */
    public List<String> texts(boolean several, boolean number) throws ConfigException {
      List<?> values = value instanceof List<?> list ? list : List.of(value);
      if (value instanceof List && !several) {
        throw wrong("takes one value, not a list");
      }
      List<String> texts = new ArrayList<>();
      for (Object each : values) {
        if (each instanceof String text) {
          texts.add(text);
        } else if (number && each instanceof Long) {
          texts.add(each.toString());
        } else {
          throw wrong(
              "takes %s in quotes%s, not %s"
                  .formatted(
                      several ? "text or a list of texts" : "text",
                      number ? " or a whole number" : "",
                      shown(each)));
        }
      }
      return texts;
    }

    /** What is wrong with it, as a sentence that goes on from its name. */
    public ConfigException wrong(String how) {
      return new ConfigException(file, line, "'%s' %s".formatted(name, how));
    }

    private static String shown(Object value) {
      return switch (value) {
        case String text -> "\"" + text + "\"";
        case List<?> _ -> "a list";
        case TomlTable _ -> "a table";
        default -> value.toString();
      };
    }
  }

  static ConfigTable of(Path file, int line, TomlTable table) {
    Map<String, Setting> settings = new LinkedHashMap<>();
    for (String name : table.keySet()) {
      Object value = Objects.requireNonNull(table.get(List.of(name)));
      settings.put(
          name,
          new Setting(
              file,
              line(table, name),
              name,
              value instanceof TomlArray array ? array.toList() : value));
    }
    return new ConfigTable(file, line, settings);
  }

  static int line(TomlTable table, String name) {
    return Objects.requireNonNull(table.inputPositionOf(List.of(name))).line();
  }

  ConfigTable without(String name) {
    Map<String, Setting> others = new LinkedHashMap<>(settings);
    others.remove(name);
    return new ConfigTable(file, line, others);
  }

  /** The line it begins in. */
  public int line() {
    return line;
  }

  /** All settings, in the order of the file. */
  public Iterable<Setting> settings() {
    return settings.values();
  }

  /** Null when the table has none of this name. */
  public @Nullable Setting setting(String name) {
    return settings.get(name);
  }

  /** Something is wrong with the table as a whole. */
  public ConfigException wrong(String why) {
    return new ConfigException(file, line, why);
  }
}
