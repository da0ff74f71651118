package io.nbdmirror.integration.refusal;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.integration.process.Command;
import io.nbdmirror.integration.process.Finished;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;

/** Files as they were, to show that a refused command left them so. */
final class Untouched {
  private final Map<Path, String> before = new LinkedHashMap<>();

  Untouched(Path... files) {
    Arrays.stream(files).forEach(file -> before.put(file, digest(file)));
  }

  /**
   * Runs a command that must be refused: exit status 1, nothing on stdout, and as its last words on
   * stderr a sentence that contains each of those.
   */
  void whileRefusing(Command command, Object... words) {
    Finished finished = command.attempt().exited(1);
    assertThat(finished.out()).as(finished.toString()).doesNotContain("ready");
    assertThat(finished.err())
        .as(finished.toString())
        .doesNotContain("Exception", "\tat ", "WARNING");
    String sentence = finished.err().strip().lines().reduce("", (earlier, line) -> line);
    assertThat(sentence)
        .as(finished.toString())
        .startsWith("nbdmirror: ")
        .contains(Arrays.stream(words).map(Object::toString).toList());
    before.forEach((file, digest) -> assertThat(digest(file)).as("%s", file).isEqualTo(digest));
  }

  private static String digest(Path file) {
    try (var in = Files.newInputStream(file)) {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      byte[] buffer = new byte[1 << 20];
      for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
        digest.update(buffer, 0, n);
      }
      return Files.size(file) + " bytes " + HexFormat.of().formatHex(digest.digest());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (NoSuchAlgorithmException e) {
      throw new LinkageError("every Java has SHA-256", e);
    }
  }
}
