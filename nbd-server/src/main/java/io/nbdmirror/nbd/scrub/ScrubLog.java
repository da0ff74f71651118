package io.nbdmirror.nbd.scrub;

import static java.nio.file.StandardCopyOption.ATOMIC_MOVE;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * When arrays were checked last, remembered over restarts: a file for each in the state directory.
 * Blocks.
 */
public final class ScrubLog {
  private static final Logger log = LoggerFactory.getLogger(ScrubLog.class);

  private final Path folder;

  public ScrubLog(Path folder) {
    this.folder = folder;
  }

  /**
   * The state directory: the one that systemd gives the service, else {@code
   * $XDG_STATE_HOME/nbdmirror}, else {@code ~/.local/state/nbdmirror}, and {@code
   * /var/lib/nbdmirror} for root.
   */
  public static Path folder(Map<String, String> environment, boolean root) {
    String systemd = environment.getOrDefault("STATE_DIRECTORY", "");
    if (!systemd.isEmpty()) {
      int colon = systemd.indexOf(':');
      return Path.of(colon < 0 ? systemd : systemd.substring(0, colon));
    }
    String state = environment.getOrDefault("XDG_STATE_HOME", "");
    if (!state.isEmpty()) {
      return Path.of(state, "nbdmirror");
    }
    return root
        ? Path.of("/var/lib/nbdmirror")
        : Path.of(environment.getOrDefault("HOME", "/"), ".local", "state", "nbdmirror");
  }

  /** Empty when it is not known. */
  public Optional<Instant> last(UUID array) {
    try {
      return Optional.of(Instant.parse(Files.readString(file(array)).strip()));
    } catch (NoSuchFileException _) {
      return Optional.empty();
    } catch (IOException | DateTimeException e) {
      log.warn("cannot read when array {} was checked last: {}", array, e.toString());
      return Optional.empty();
    }
  }

  /** Remembers it; a failure is logged, and then it is remembered as long as the process lives. */
  public void record(UUID array, Instant time) {
    try {
      Files.createDirectories(folder);
      Path temporary = file(array).resolveSibling(file(array).getFileName() + ".new");
      Files.writeString(temporary, time + "\n");
      Files.move(temporary, file(array), ATOMIC_MOVE);
    } catch (IOException e) {
      log.warn("cannot remember in {} that an array was checked: {}", folder, e.toString());
    }
  }

  private Path file(UUID array) {
    return folder.resolve("scrub-" + array);
  }
}
