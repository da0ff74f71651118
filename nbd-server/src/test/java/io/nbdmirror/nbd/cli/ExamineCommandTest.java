package io.nbdmirror.nbd.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.nbdmirror.raid.vectors.Vectors;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.RandomAccessFile;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TimeZone;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Examining real files, as from a shell. */
final class ExamineCommandTest {
  private final TimeZone zone = TimeZone.getDefault();
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  @TempDir private Path folder = Path.of("");

  /** The vectors' machine had it. */
  @BeforeEach
  void useUtc() {
    TimeZone.setDefault(TimeZone.getTimeZone("UTC"));
  }

  @AfterEach
  void useOwnZone() {
    TimeZone.setDefault(zone);
  }

  static List<String> snapshots() {
    return Vectors.snapshots();
  }

  static List<String> members() {
    return Vectors.members();
  }

  private String file(String name, byte[] head, long sizeBytes) throws IOException {
    Path path = Files.write(folder.resolve(name), head);
    try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
      file.setLength(sizeBytes);
    }
    return path.toString();
  }

  /** A vector as a file of the size the member had. */
  private String member(String vector) throws IOException {
    return file(vector, Vectors.bytes(vector), Vectors.memberBytes(vector));
  }

  private String bitmapFile(String vector, int sizeBytes) throws IOException {
    return file(vector, Vectors.bytes(vector), sizeBytes);
  }

  private int run(String... arguments) {
    out.getBuffer().setLength(0);
    err.getBuffer().setLength(0);
    return NbdMirrorCommand.commandLine()
        .setOut(new PrintWriter(out, true))
        .setErr(new PrintWriter(err, true))
        .execute(arguments);
  }

  private Map<String, String> printed() {
    Map<String, String> fields = new LinkedHashMap<>();
    for (String line : out.toString().lines().filter(each -> each.contains(" : ")).toList()) {
      String[] parts = line.split(" : ", 2);
      fields.put(parts[0].strip(), parts[1].strip());
    }
    return fields;
  }

  private JsonNode json() throws IOException {
    return ExamineJson.MAPPER.readTree(out.toString());
  }

  @ParameterizedTest
  @MethodSource("snapshots")
  void examinesAFileAsMdadmExaminedTheDisk(String snapshot) throws IOException {
    for (String disk : List.of("vda", "vdb")) {
      Map<String, String> said = Vectors.said(snapshot, "mdadm -E /dev/" + disk);
      // mdadm knows its own host's name.
      said.computeIfPresent("Name", (label, name) -> name.replaceFirst(" +\\(local.*", ""));
      String member = member(snapshot + "." + disk + ".head.gz");

      assertThat(run("examine", member)).as(err.toString()).isZero();
      assertThat(said).isNotEmpty();
      assertThat(printed()).containsAllEntriesOf(said);
      assertThat(out.toString()).startsWith(member + ":\n");
      assertThat(err.toString()).isEmpty();
    }
  }

  @ParameterizedTest
  @MethodSource("snapshots")
  void examinesABitmapAsMdadmExaminedTheDisk(String snapshot) throws IOException {
    for (String disk : List.of("vda", "vdb")) {
      Map<String, String> said = Vectors.said(snapshot, "mdadm -X /dev/" + disk);
      String member = member(snapshot + "." + disk + ".head.gz");
      int status = run("examine-bitmap", member);
      if (snapshot.startsWith("B-")) {
        assertThat(said).isEmpty();
        assertThat(status).isEqualTo(1);
        assertThat(err.toString()).contains(member).contains("no write-intent bitmap");
        assertThat(out.toString()).isEmpty();
      } else {
        said.put("Filename", member);
        assertThat(status).as(err.toString()).isZero();
        assertThat(printed()).containsAllEntriesOf(said);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("members")
  void everyVectorIsExaminedAndNotAByteOfItChanged(String vector) throws IOException {
    String member = member(vector);
    byte[] before = Files.readAllBytes(Path.of(member));

    assertThat(run("examine", member)).as(err.toString()).isZero();
    assertThat(out.toString()).contains(" - correct").doesNotContain("Problem");
    assertThat(run("examine", "--json", member)).isZero();
    assertThat(json().get(0).get("problem").isNull()).isTrue();
    run("examine-bitmap", member);
    assertThat(Arrays.mismatch(before, Files.readAllBytes(Path.of(member)))).isNegative();
  }

  @ParameterizedTest
  @CsvSource({"B-dirty.bitmap0,7,1", "B-stopped.bitmap0,0,2"})
  void aBitmapFileIsReadToItsLastByte(String vector, int dirty, int events) throws IOException {
    String path = bitmapFile(vector, 2272);

    assertThat(run("examine-bitmap", path)).as(err.toString()).isZero();
    assertThat(printed())
        .containsEntry("Filename", path)
        .containsEntry("Chunksize", "4 KB")
        .containsEntry("Events", "" + events)
        .containsEntry("Bitmap", "16128 bits (chunks), %d dirty (0.0%%)".formatted(dirty))
        .doesNotContainKey("Truncated");
    assertThat(run("examine-bitmap", "--json", path)).isZero();
    assertThat(json().get("path").asText()).isEqualTo(path);
    assertThat(json().get("dirtyChunks").asInt()).isEqualTo(dirty);
    assertThat(json().get("knownChunks").asInt()).isEqualTo(16128);
  }

  @Test
  void aBitmapFileThatWasCutShortSaysHowMuchIsMissing() throws IOException {
    assertThat(run("examine-bitmap", bitmapFile("B-dirty.bitmap0", 2271))).isZero();
    assertThat(printed().get("Truncated")).startsWith("8 bits are missing");
  }

  @ParameterizedTest
  @CsvSource({"0,it has 0 bytes", "255,it has 255 bytes", "8192,magic number"})
  void whatIsNeitherAMemberNorABitmapIsRefused(int sizeBytes, String why) throws IOException {
    String path = file("plain", new byte[0], sizeBytes);

    assertThat(run("examine-bitmap", path)).isEqualTo(1);
    assertThat(err.toString()).startsWith("nbdmirror: " + path).contains(why);
    assertThat(run("examine", path)).isEqualTo(1);
    assertThat(err.toString()).startsWith("nbdmirror: " + path).contains("no md superblock");
    assertThat(out.toString()).isEmpty();
  }

  @Test
  void aMemberThatCannotBeExaminedDoesNotHideTheOthers() throws IOException {
    String missing = folder.resolve("gone").toString();
    String first = member("J0.m0.img.gz");
    String second = member("J0.m1.img.gz");

    assertThat(run("examine", first, missing, second)).isEqualTo(1);
    assertThat(out.toString()).contains(first + ":").contains(second + ":");
    assertThat(err.toString()).contains(missing).hasLineCount(1);
    assertThat(run("examine", "--json", missing, second)).isEqualTo(1);
    assertThat(json()).hasSize(1);
    assertThat(json().get(0).get("path").asText()).isEqualTo(second);
  }

  @Test
  void aDamagedMemberIsShownAllTheSame() throws IOException {
    byte[] image = Vectors.bytes("J0.m0.img.gz");
    image[4096 + 200]++;
    String member = file("damaged", image, image.length);

    assertThat(run("examine", member)).isZero();
    assertThat(printed().get("Checksum")).containsPattern("[0-9a-f]+ - expected [0-9a-f]+");
    assertThat(printed().get("Problem")).contains(member).contains("checksum");
    assertThat(run("examine", "--json", member)).isZero();
    assertThat(json().get(0).get("checksumCorrect").asBoolean()).isFalse();
    assertThat(json().get(0).get("setUuid").asText()).hasSize(35);
    assertThat(run("examine-bitmap", member)).isZero();
  }

  @Test
  void aMemberInUseIsExamined() throws Exception {
    String member = member("J1.m0.img.gz");
    try (OpenMembers inUse = OpenMembers.open(List.of(member))) {
      assertThat(inUse.device(member).sizeBytes()).isPositive();
      assertThat(run("examine", member)).as(err.toString()).isZero();
      assertThat(run("examine-bitmap", member)).as(err.toString()).isZero();
    }
  }
}
