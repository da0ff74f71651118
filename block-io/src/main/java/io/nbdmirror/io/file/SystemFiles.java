package io.nbdmirror.io.file;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Reads /proc and /sys. What can't be read there counts as not known, never as an error: containers
 * hide it.
 */
public final class SystemFiles {
  private SystemFiles() {}

  /** Blanks and the like are written as a backslash and three octal digits. */
  public static String unescape(String text) {
    StringBuilder plain = new StringBuilder();
    for (int index = 0; index < text.length(); index++) {
      char character = text.charAt(index);
      if (character == '\\' && index + 3 < text.length()) {
        plain.append((char) Integer.parseInt(text.substring(index + 1, index + 4), 8));
        index += 3;
      } else {
        plain.append(character);
      }
    }
    return plain.toString();
  }

  /** The lines of a file; none when it can't be read. */
  public static List<String> lines(Path file) {
    try {
      return Files.isRegularFile(file) ? Files.readAllLines(file) : List.of();
    } catch (IOException e) {
      return List.of();
    }
  }

  /** What a folder holds; nothing when it can't be read. */
  public static List<Path> list(Path directory) {
    List<Path> entries = new ArrayList<>();
    if (Files.isDirectory(directory)) {
      try (DirectoryStream<Path> stream = Files.newDirectoryStream(directory)) {
        stream.forEach(entries::add);
      } catch (IOException e) {
        return List.of();
      }
    }
    return entries;
  }
}
