package io.nbdmirror.nbd.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.nbd.array.BitmapDocument;
import io.nbdmirror.raid.superblock.MdSuperblock;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.RandomAccessFile;
import java.io.StringWriter;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Creating and unmaking arrays of real files, as from a shell. */
final class CreateCommandTest {
  private static final int SIZE = 8 << 20;

  @TempDir private Path folder = Path.of("");

  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();
  private String first = "";
  private String second = "";

  @BeforeEach
  void makeMembers() throws IOException {
    first = member("a.img");
    second = member("b.img");
  }

  private String member(String name) throws IOException {
    Path path = folder.resolve(name);
    try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
      file.setLength(SIZE);
    }
    return path.toString();
  }

  /** The letters a and b stand for the two members. */
  private int run(String commandLine) {
    out.getBuffer().setLength(0);
    err.getBuffer().setLength(0);
    List<String> arguments = new ArrayList<>();
    for (String word : commandLine.split(" ", -1)) {
      arguments.add(
          switch (word) {
            case "a" -> first;
            case "b" -> second;
            case "gone" -> folder.resolve("gone.img").toString();
            case "a-again" -> folder.resolve("./a.img").toString();
            case "a-linked" -> folder.resolve("link").toString();
            default -> word;
          });
    }
    return NbdMirrorCommand.commandLine()
        .setOut(new PrintWriter(out, true))
        .setErr(new PrintWriter(err, true))
        .execute(arguments.toArray(String[]::new));
  }

  private void put(String path, long at, byte[] bytes) throws IOException {
    try (RandomAccessFile file = new RandomAccessFile(path, "rw")) {
      file.seek(at);
      file.write(bytes);
    }
  }

  private static MdSuperblock superblock(String path, long at) throws IOException {
    byte[] bytes = new byte[MdSuperblock.BYTES];
    try (RandomAccessFile file = new RandomAccessFile(path, "r")) {
      file.seek(at);
      file.readFully(bytes);
    }
    return MdSuperblock.wrap(ByteBuffer.wrap(bytes));
  }

  private String hashes() throws IOException {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      digest.update(Files.readAllBytes(Path.of(first)));
      digest.update(Files.readAllBytes(Path.of(second)));
      return HexFormat.of().formatHex(digest.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void makesTwoMembersOfOneArrayAndTellsHowToServeThem() throws IOException {
    assertThat(run("create data a b")).as(err.toString()).isZero();
    MdSuperblock ofFirst = superblock(first, 4096);
    MdSuperblock ofSecond = superblock(second, 4096);
    assertThat(ofFirst.setUuid()).isEqualTo(ofSecond.setUuid());
    assertThat(ofFirst.deviceUuid()).isNotEqualTo(ofSecond.deviceUuid());
    assertThat(ofFirst.setName()).isEqualTo("data");
    assertThat(ofFirst.sbCsum()).isEqualTo(ofFirst.computeChecksum());
    assertThat(out.toString())
        .startsWith("created array data\n")
        .contains("uuid      " + BitmapDocument.mdText(ofFirst.setUuid()))
        .contains("size      7340032 bytes")
        .endsWith("nbdmirror serve " + first + " " + second + "\n");
    assertThat(err.toString()).isEmpty();
  }

  @Test
  void everyOptionReachesTheSuperblock() throws IOException {
    String options =
        " --metadata 1.1 --size 1M --bitmap-chunk 64K --delay 7s --assume-clean"
            + " --write-mostly b --write-behind 12";
    assertThat(run("create data a b" + options)).as(err.toString()).isZero();
    MdSuperblock superblock = superblock(second, 0);
    assertThat(superblock.size()).isEqualTo(2048);
    assertThat(superblock.resyncOffset()).isEqualTo(MdSuperblock.RESYNC_OFFSET_CLEAN);
    assertThat(superblock.devflags()).isEqualTo(MdSuperblock.DEVFLAG_WRITE_MOSTLY);
    assertThat(superblock(first, 0).devflags()).isZero();
    ByteBuffer bitmap = ByteBuffer.wrap(Files.readAllBytes(Path.of(second)), 4096, 256).slice();
    assertThat(bitmap.order(ByteOrder.LITTLE_ENDIAN).getInt(52)).isEqualTo(65536);
    assertThat(bitmap.getInt(56)).isEqualTo(7);
    assertThat(bitmap.getInt(60)).isEqualTo(12);
  }

  @Test
  void aMissingMemberIsServedDegraded() throws IOException {
    assertThat(run("create data missing b --bitmap none")).isZero();
    assertThat(superblock(second, 4096).devNumber()).isOne();
    assertThat(superblock(second, 4096).featureMap()).isZero();
    assertThat(out.toString()).endsWith("nbdmirror serve " + second + "\n");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "create data a a | is given twice",
        "create data a a-again | are the same file",
        "create data a a-linked | are the same file",
        "create data a gone | gone.img",
        "create 123456789012345678901234567890123 a b | takes more than 32 bytes",
        "create data a b --size 9M | has room for 7340032 bytes of data, and 9437184 are wanted",
        "create data a b --size 1000 | no multiple of 1024",
        "create data a b --bitmap-chunk 5000 | no power of two",
        "create data a b --delay 0 | delay is 1 to",
        "create data a b --write-behind 99999 | write-behind is 0 to 16383",
        "create data a b --bitmap none --bitmap-chunk 1M | needs a bitmap",
        "create data missing missing | at least one must be there",
        "create d a b missing missing missing missing missing missing missing missing missing"
            + " missing missing missing missing missing missing | 1 to 16 members, not 17",
        "zero-superblock a | carries no md superblock",
        "zero-superblock a a | is given twice",
      })
  void whatIsRefusedIsOneSentenceAndChangesNothing(String commandLine, String why)
      throws IOException {
    Files.createSymbolicLink(folder.resolve("link"), Path.of(first));
    String before = hashes();
    assertThat(run(commandLine)).isEqualTo(NbdMirrorCommand.EXIT_FAILED);
    assertThat(err.toString()).startsWith("nbdmirror: ").contains(why).hasLineCount(1);
    assertThat(out.toString()).isEmpty();
    assertThat(hashes()).isEqualTo(before);
  }

  @ParameterizedTest
  @CsvSource({
    "create data",
    "create data a b --metadata 0.90",
    "create data a b --bitmap-io sideways",
    "create data a --write-mostly b",
    "zero-superblock",
  })
  void wrongUsageIsStatusTwoAndChangesNothing(String commandLine) throws IOException {
    String before = hashes();
    assertThat(run(commandLine)).isEqualTo(NbdMirrorCommand.EXIT_USAGE);
    assertThat(err.toString()).startsWith("nbdmirror: ");
    assertThat(hashes()).isEqualTo(before);
  }

  @Test
  void aMemberThatCarriesSomethingIsOnlyOverwrittenByForce() throws IOException {
    put(second, 65600, "_BHRfS_M".getBytes(StandardCharsets.US_ASCII));
    String before = hashes();
    assertThat(run("create data a b")).isEqualTo(NbdMirrorCommand.EXIT_FAILED);
    assertThat(err.toString()).contains(second + " already carries a btrfs filesystem");
    assertThat(hashes()).isEqualTo(before);
    assertThat(run("create data a b --force")).isZero();
    assertThat(run("create other a b")).isEqualTo(NbdMirrorCommand.EXIT_FAILED);
    assertThat(err.toString()).contains(first + " already carries an md superblock (version 1.2)");
  }

  @Test
  void whatAnotherCommandHasOpenIsRefused() throws Exception {
    run("create data a b");
    String before = hashes();
    OpenMembers user = OpenMembers.open(List.of(second));
    try {
      assertThat(run("zero-superblock a b")).isEqualTo(NbdMirrorCommand.EXIT_FAILED);
      assertThat(err.toString()).contains(second).hasLineCount(1);
      assertThat(run("create other a b --force")).isEqualTo(NbdMirrorCommand.EXIT_FAILED);
      assertThat(hashes()).isEqualTo(before);
    } finally {
      user.close();
    }
    assertThat(run("zero-superblock a b")).isZero();
  }

  @Test
  void afterZeroSuperblockTheMembersCarryNothing() throws IOException {
    String empty = hashes();
    assertThat(run("create data a b")).isZero();
    assertThat(run("zero-superblock a b")).isZero();
    assertThat(out.toString())
        .isEqualTo(
            "%s: removed an md superblock (version 1.2)%n%s: removed an md superblock (version 1.2)%n"
                .formatted(first, second));
    assertThat(run("create data a b")).isZero();
    assertThat(hashes()).isNotEqualTo(empty);
  }
}
