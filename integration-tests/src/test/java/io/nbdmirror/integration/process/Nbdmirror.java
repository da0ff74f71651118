package io.nbdmirror.integration.process;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** The program under test as it was packaged, and the source tree it lies in. */
public final class Nbdmirror {
  /** Top of the source tree. */
  public static final Path ROOT =
      Path.of(System.getProperty("nbdmirror.root", "..")).toAbsolutePath().normalize();

  private Nbdmirror() {}

  /** A command line of nbdmirror, for example {@code command("examine", member)}. */
  public static Command command(Object... words) {
    return Command.of(java(), "-ea", "-XX:+UseSerialGC", "-Xmx256m", "-jar", jar()).and(words);
  }

  private static Path java() {
    return Path.of(System.getProperty("java.home"), "bin", "java");
  }

  private static Path jar() {
    Path target = ROOT.resolve("nbd-server/target");
    try (Stream<Path> files = Files.list(target)) {
      List<Path> jars =
          files
              .filter(
                  file -> file.getFileName().toString().matches("nbdmirror-nbd-server-.*\\.jar"))
              .filter(file -> !file.getFileName().toString().endsWith("-tests.jar"))
              .toList();
      if (jars.size() != 1) {
        throw new IllegalStateException("not one jar of nbd-server in " + target + ": " + jars);
      }
      return jars.getFirst();
    } catch (IOException e) {
      throw new UncheckedIOException("nbd-server has not been packaged", e);
    }
  }
}
