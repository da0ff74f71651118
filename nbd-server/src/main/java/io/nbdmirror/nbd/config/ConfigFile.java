package io.nbdmirror.nbd.config;

import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.tomlj.Toml;
import org.tomlj.TomlArray;
import org.tomlj.TomlParseError;
import org.tomlj.TomlParseResult;
import org.tomlj.TomlTable;

/**
 * A configuration file in TOML: settings, and tables {@code [[array]]} of settings. Which settings
 * there are is for the reader to know. Immutable.
 *
 * @param folder that the file is in; relative paths begin there
 * @param arrays in their order
 */
public record ConfigFile(Path folder, ConfigTable settings, List<ConfigTable> arrays) {
  private static final String ARRAY = "array";

  public ConfigFile {
    arrays = List.copyOf(arrays);
  }

  /**
   * Reads a file.
   *
   * @throws ConfigException when it cannot be read or is no TOML, with the first line that is wrong
   */
  public static ConfigFile read(Path file) throws ConfigException {
    TomlParseResult toml = Toml.parse(text(file));
    if (toml.hasErrors()) {
      TomlParseError first = toml.errors().getFirst();
      throw new ConfigException(file, first.position().line(), String.valueOf(first.getMessage()));
    }
    List<ConfigTable> arrays = new ArrayList<>();
    if (toml.contains(List.of(ARRAY))) {
      int line = ConfigTable.line(toml, ARRAY);
      if (!(toml.get(List.of(ARRAY)) instanceof TomlArray tables)) {
        throw new ConfigException(file, line, "an array begins with [[array]]");
      }
      for (int i = 0; i < tables.size(); i++) {
        if (!(tables.get(i) instanceof TomlTable table)) {
          throw new ConfigException(file, line, "an array begins with [[array]]");
        }
        arrays.add(
            ConfigTable.of(file, Objects.requireNonNull(tables.inputPositionOf(i)).line(), table));
      }
    }
    Path folder = Objects.requireNonNull(file.toAbsolutePath().getParent());
    return new ConfigFile(folder, ConfigTable.of(file, 1, toml).without(ARRAY), arrays);
  }

  private static String text(Path file) throws ConfigException {
    try {
      return Files.readString(file);
    } catch (NoSuchFileException _) {
      throw new ConfigException(file, "there is no such file");
    } catch (CharacterCodingException _) {
      throw new ConfigException(file, "it is not text in UTF-8");
    } catch (IOException e) {
      throw new ConfigException(file, "it cannot be read: " + e);
    }
  }
}
