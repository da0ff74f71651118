package io.nbdmirror.nbd.serve;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.regex.Pattern;

/**
 * Where members are to be found: a file, or a pattern of files. Immutable.
 *
 * @param path absolute
 * @param pattern whether {@code *}, <code>?</code>, {@code [...]} and {@code {...}} in it have the
 *     meaning that a shell gives them; such a file need not be a member
 */
public record MemberPath(String path, boolean pattern) {
  private static final Pattern MAGIC = Pattern.compile("[*?\\[{]");

  /** A file, whatever characters its name has. */
  public static MemberPath file(Path path) {
    return new MemberPath(path.toAbsolutePath().toString(), false);
  }

  /**
   * What a configuration file says: a pattern, if any of its characters make it one.
   *
   * @param folder where a relative path begins
   */
  public static MemberPath fileOrPattern(String text, Path folder) {
    return new MemberPath(
        folder.toAbsolutePath().resolve(text).normalize().toString(), MAGIC.matcher(text).find());
  }

  /** The files there are, in the order of their names; a file that is no pattern as it is. */
  List<String> files() throws StartException {
    if (!pattern) {
      return List.of(path);
    }
    List<Path> found = List.of(Path.of("/"));
    for (Path part : Path.of(path)) {
      List<Path> next = new ArrayList<>();
      for (Path folder : found) {
        next.addAll(matches(folder, part.toString()));
      }
      found = next;
    }
    return found.stream().map(Path::toString).toList();
  }

  private static List<Path> matches(Path folder, String part) throws StartException {
    if (!MAGIC.matcher(part).find()) {
      Path only = folder.resolve(part);
      return Files.exists(only) ? List.of(only) : List.of();
    }
    if (!Files.isDirectory(folder)) {
      return List.of();
    }
    PathMatcher matcher = folder.getFileSystem().getPathMatcher("glob:" + part);
    TreeSet<Path> found = new TreeSet<>();
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(folder)) {
      for (Path entry : entries) {
        boolean hidden = entry.getFileName().toString().startsWith(".") && !part.startsWith(".");
        if (!hidden && matcher.matches(entry.getFileName())) {
          found.add(entry);
        }
      }
    } catch (IOException e) {
      throw new StartException("cannot look for members in %s: %s".formatted(folder, e.toString()));
    }
    return List.copyOf(found);
  }
}
