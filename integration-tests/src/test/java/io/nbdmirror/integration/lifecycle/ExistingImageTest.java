package io.nbdmirror.integration.lifecycle;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.integration.condition.Needs;
import io.nbdmirror.integration.member.TwoMembers;
import io.nbdmirror.integration.process.Command;
import io.nbdmirror.integration.process.Nbdmirror;
import io.nbdmirror.integration.process.RunningServer;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The steps of docs/mirroring-an-existing-image.md. */
class ExistingImageTest {
  private static final int IMAGE_BYTES = 32 << 20;
  private static final int ROOM_BYTES = 1 << 20;

  @TempDir Path folder;

  @Test
  @Needs({"mkfs.ext4", "e2fsck", "nbdcopy"})
  void anImageWithAFilesystemBecomesAMirrorWithItsDataInPlace() throws IOException {
    Path image = TwoMembers.sparse(folder.resolve("image.img"), IMAGE_BYTES);
    Command.of("mkfs.ext4", "-q", "-F", image).run();
    byte[] before = Files.readAllBytes(image);
    extend(image, IMAGE_BYTES + ROOM_BYTES);
    Path second = TwoMembers.sparse(folder.resolve("second.img"), IMAGE_BYTES + ROOM_BYTES);
    Nbdmirror.command("create", "data", image, "missing")
        .and("--metadata", "1.0", "--assume-clean", "--force")
        .run();
    assertThat(head(image)).as("the data, untouched by create").isEqualTo(before);
    try (RunningServer server = RunningServer.start(folder, image)) {
      server.command("add", "data", second).run();
      Awaitility.await("both in sync")
          .atMost(Duration.ofMinutes(1))
          .until(() -> server.array().at("/members/1/role").asText().equals("in-sync"));
      Path copy = folder.resolve("copy.img");
      Command.of("nbdcopy", server.unixUri(), copy).run();
      Command.of("e2fsck", "-f", "-n", copy).run();
      server.stop();
    }
    assertThat(head(image)).isEqualTo(before);
    assertThat(head(second)).isEqualTo(before);
    Command.of("e2fsck", "-f", "-n", second).run();
  }

  private static void extend(Path file, long bytes) throws IOException {
    try (RandomAccessFile longer = new RandomAccessFile(file.toFile(), "rw")) {
      longer.setLength(bytes);
    }
  }

  private static byte[] head(Path member) throws IOException {
    return Arrays.copyOf(Files.readAllBytes(member), IMAGE_BYTES);
  }
}
