package io.nbdmirror.nbd.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.nbdmirror.raid.vectors.Vectors;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.RandomAccessFile;
import java.io.StringWriter;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Examining real files, as from a shell. */
final class ExamineCommandTest {
  @TempDir private Path folder = Path.of("");

  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  private int run(Object... arguments) {
    return NbdMirrorCommand.commandLine()
        .setOut(new PrintWriter(out, true))
        .setErr(new PrintWriter(err, true))
        .execute(Arrays.stream(arguments).map(Object::toString).toArray(String[]::new));
  }

  private Path member(String vector) throws IOException {
    Path file = Files.write(folder.resolve(vector), Vectors.bytes(vector));
    try (RandomAccessFile whole = new RandomAccessFile(file.toFile(), "rw")) {
      whole.setLength(Vectors.memberBytes(vector));
    }
    return file;
  }

  @Test
  void everyMemberIsShownAlthoughOneCannotBeExamined() throws IOException {
    Path good = member("A1-stopped.vda.head.gz");
    Path blank = Files.write(folder.resolve("blank"), new byte[1 << 20]);
    Path gone = folder.resolve("gone");

    assertThat(run("examine", gone, blank, good)).isEqualTo(1);
    assertThat(out.toString()).startsWith(good + ":").contains("Array UUID : 7187e93d:");
    assertThat(err.toString().lines())
        .hasSize(2)
        .anyMatch(line -> line.contains(gone.toString()))
        .anyMatch(line -> line.contains(blank + " carries no md superblock"));
  }

  @Test
  void jsonHasAnEntryForEachThatCouldBeExamined() throws IOException {
    Path good = member("A2-dirty.vda.head.gz");
    Path blank = Files.write(folder.resolve("blank"), new byte[1 << 20]);

    assertThat(run("examine", "--json", good, blank)).isEqualTo(1);
    JsonNode members = ExamineJson.MAPPER.readTree(out.toString());
    assertThat(members).hasSize(1);
    assertThat(members.get(0).get("bitmap").get("dirtyChunks").asInt()).isEqualTo(7);
    assertThat(err.toString()).contains("no md superblock");
  }

  @Test
  void whatIsInUseAndReadOnlyIsExaminedWithoutAByteChanged() throws IOException {
    Path member = member("A1-dirty.vda.head.gz");
    byte[] before = Files.readAllBytes(member);
    Object modified = Files.getLastModifiedTime(member);
    assertThat(member.toFile().setReadOnly()).isTrue();
    try (FileChannel held = FileChannel.open(member, StandardOpenOption.READ);
        FileLock lock = held.lock(0, Long.MAX_VALUE, true)) {
      assertThat(lock.isValid()).isTrue();
      assertThat(run("examine", member)).isZero();
      assertThat(run("examine-bitmap", member)).isZero();
    }
    assertThat(Files.readAllBytes(member)).isEqualTo(before);
    assertThat(Files.getLastModifiedTime(member)).isEqualTo(modified);
  }

  @Test
  void aBitmapFileIsShownToItsLastBit() throws IOException {
    byte[] stored = Vectors.bytes("B-dirty.bitmap0");
    stored[stored.length - 1] = (byte) 0x80;
    Path file = Files.write(folder.resolve("bitmap0"), stored);

    assertThat(run("examine-bitmap", file)).isZero();
    assertThat(out.toString())
        .contains("Filename : " + file)
        .contains("Bitmap : 16128 bits (chunks), 8 dirty (0.0%)")
        .contains("Dirty Range : 8192 bytes at byte 0")
        .contains("Dirty Range : 4096 bytes at byte " + 16127 * 4096);
  }

  @Test
  void aBitmapFileCutShortSaysHowManyBitsAreMissing() throws IOException {
    byte[] stored = Vectors.bytes("B-dirty.bitmap0");
    Path file = Files.write(folder.resolve("bitmap0"), Arrays.copyOf(stored, 1000));

    assertThat(run("examine-bitmap", file)).isZero();
    assertThat(out.toString()).contains("Truncated : 10176 bits are missing");
  }

  @Test
  void theBitmapOfAMemberCanBeHadAsJson() throws IOException {
    assertThat(run("examine-bitmap", "--json", member("J4.m1.img.gz"))).isZero();
    JsonNode bitmap = ExamineJson.MAPPER.readTree(out.toString());
    assertThat(bitmap.get("dirtyRanges").toString())
        .isEqualTo(
            "[{\"offsetBytes\":196608,\"lengthBytes\":65536},"
                + "{\"offsetBytes\":327680,\"lengthBytes\":65536}]");
  }

  @Test
  void withoutABitmapThereIsOneSentence() throws IOException {
    assertThat(run("examine-bitmap", member("B-dirty.vda.head.gz"))).isEqualTo(1);
    assertThat(out.toString()).isEmpty();
    assertThat(err.toString().lines())
        .singleElement()
        .asString()
        .contains("has no write-intent bitmap");
  }

  @Test
  void aDamagedBitmapIsOneSentence() throws IOException {
    Path member = member("A1-stopped.vda.head.gz");
    try (RandomAccessFile file = new RandomAccessFile(member.toFile(), "rw")) {
      file.seek(8192);
      file.write(0);
    }
    assertThat(run("examine-bitmap", member)).isEqualTo(1);
    assertThat(err.toString().lines()).singleElement().asString().contains("magic number");
  }
}
