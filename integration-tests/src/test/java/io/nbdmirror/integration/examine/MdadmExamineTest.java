package io.nbdmirror.integration.examine;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.integration.condition.Needs;
import io.nbdmirror.integration.process.Command;
import io.nbdmirror.integration.process.Nbdmirror;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Members made by {@code create} read the same to mdadm and to us, to the letter. */
@Needs("mdadm")
class MdadmExamineTest {
  private static final long MEMBER_BYTES = 320L << 20;

  @TempDir Path folder;

  private Path member(String name, long bytes) throws IOException {
    Path file = folder.resolve(name);
    try (RandomAccessFile sparse = new RandomAccessFile(file.toFile(), "rw")) {
      sparse.setLength(bytes);
    }
    return file;
  }

  private static void requireSameExamination(Path member) {
    String theirs = Command.of("mdadm", "-E", member).run().out();
    String ours = Nbdmirror.command("examine", member).run().out();
    assertThat(theirs).contains("Array UUID").contains(" - correct");
    assertThat(ours).startsWith(theirs.stripTrailing());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "--metadata 1.1",
        "--metadata 1.0",
        "--metadata 1.0 --bitmap none",
        "--bitmap none",
        "--bitmap-chunk 16K --delay 7s",
        "--assume-clean",
        "--size 100M",
        "--write-mostly b.img --write-behind 256",
      })
  void examineSaysAllThatMdadmSays(String options) throws IOException {
    Path first = member("a.img", MEMBER_BYTES);
    Path second = member("b.img", MEMBER_BYTES + (1 << 20));
    create(first, second, options);
    requireSameExamination(first);
    requireSameExamination(second);
  }

  @Test
  void onLargeMembersToo() throws IOException {
    for (long gib : List.of(9L, 300L, 3000L)) {
      Path first = member("a%d.img".formatted(gib), gib << 30);
      create(first, Path.of("missing"), "");
      requireSameExamination(first);
    }
  }

  private static void create(Path first, Path second, String options) {
    Command create = Nbdmirror.command("create", "data", first, second);
    for (String word : options.isEmpty() ? new String[0] : options.split(" ", -1)) {
      create.and(word.equals("b.img") ? second : word);
    }
    create.run();
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "--metadata 1.0", "--bitmap-chunk 16K", "--write-behind 256"})
  @Needs(
      value = {"mdadm", "losetup"},
      root = true)
  void examineBitmapSaysAllThatMdadmSays(String options) throws IOException {
    Path first = member("a.img", MEMBER_BYTES);
    create(first, member("b.img", MEMBER_BYTES), options);
    String loop = Command.of("losetup", "-rf", "--show", first).run().out().strip();
    try {
      String theirs = Command.of("mdadm", "-X", loop).run().out();
      String ours = Nbdmirror.command("examine-bitmap", first).run().out();
      assertThat(theirs).contains("Bitmap : ");
      assertThat(ours).startsWith(theirs.replace(loop, first.toString()).stripTrailing());
    } finally {
      Command.of("losetup", "-d", loop).run();
    }
  }
}
