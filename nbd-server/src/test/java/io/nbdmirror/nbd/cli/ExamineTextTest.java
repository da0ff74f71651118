package io.nbdmirror.nbd.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.io.simulation.SimulatedDevice;
import io.nbdmirror.io.simulation.SimulatedDisk;
import io.nbdmirror.io.simulation.SimulatedScheduler;
import io.nbdmirror.raid.superblock.MemberInspection;
import io.nbdmirror.raid.vectors.Vectors;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TimeZone;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

final class ExamineTextTest {
  private final TimeZone zone = TimeZone.getDefault();

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

  static MemberInspection inspect(String vector, byte[] image, long sizeBytes) {
    SimulatedScheduler scheduler = new SimulatedScheduler(1);
    SimulatedDevice device = new SimulatedDevice(SimulatedDisk.of(vector, sizeBytes), scheduler, 1);
    device.writeNow(0, image);
    List<MemberInspection> found = new ArrayList<>();
    MemberInspection.of(
        device,
        (inspection, failure) -> {
          if (inspection != null) {
            found.add(inspection);
          }
        });
    scheduler.runUntilIdle();
    assertThat(found).as("%s can be examined", vector).hasSize(1);
    return found.getFirst();
  }

  private static MemberInspection inspect(String vector) {
    return inspect(vector, Vectors.bytes(vector), Vectors.memberBytes(vector));
  }

  private static String text(MemberInspection member) {
    StringWriter text = new StringWriter();
    ExamineText.print(new PrintWriter(text), member);
    return text.toString();
  }

  private static Map<String, String> fields(String text) {
    Map<String, String> fields = new LinkedHashMap<>();
    for (String line : text.lines().filter(each -> each.contains(" : ")).toList()) {
      String[] parts = line.split(" : ", 2);
      fields.put(parts[0].trim(), parts[1].trim());
    }
    return fields;
  }

  @ParameterizedTest
  @MethodSource("snapshots")
  void printsEverythingThatMdadmPrinted(String snapshot) {
    for (String disk : List.of("vda", "vdb")) {
      Map<String, String> said = Vectors.said(snapshot, "mdadm -E /dev/" + disk);
      // mdadm knows its own host's name.
      said.computeIfPresent("Name", (label, name) -> name.replaceFirst(" +\\(local.*", ""));

      assertThat(fields(text(inspect(snapshot + "." + disk + ".head.gz"))))
          .containsAllEntriesOf(said);
    }
  }

  @ParameterizedTest
  @CsvSource({"A1-dirty", "A1-justcreated", "A1-stopped", "A2-dirty", "A2-stopped"})
  void printsEverythingThatMdadmPrintedOfTheBitmap(String snapshot) {
    for (String disk : List.of("vda", "vdb")) {
      Map<String, String> said = Vectors.said(snapshot, "mdadm -X /dev/" + disk);
      MemberInspection member = inspect(snapshot + "." + disk + ".head.gz");
      StringWriter text = new StringWriter();
      assertThat(member.bitmap()).isNotNull();
      BitmapText.print(
          new PrintWriter(text), "/dev/" + disk, StoredBitmaps.document(member.bitmap()));

      assertThat(said).isNotEmpty();
      assertThat(fields(text.toString())).containsAllEntriesOf(said);
    }
  }

  @ParameterizedTest
  @MethodSource("members")
  void everyVectorIsExaminedWithoutAProblem(String vector) {
    String text = text(inspect(vector));

    assertThat(text).contains(" - correct").doesNotContain("Problem");
  }

  @Test
  void aMemberUnderRecoveryShowsHowFarItIs() {
    assertThat(fields(text(inspect("J4.m1.img.gz"))))
        .containsEntry("Recovery Offset", "0 sectors")
        .containsEntry("Feature Map", "0x83")
        .containsEntry("Dirty Chunks", "2 of 240");
  }

  @Test
  void aDamagedSuperblockShowsTheChecksumItShouldHave() {
    byte[] image = Vectors.bytes("A1-stopped.vda.head.gz");
    image[4096 + 200]++;
    String text = text(inspect("m", image, Vectors.SNAPSHOT_MEMBER_BYTES));

    assertThat(text)
        .containsPattern("Checksum : [0-9a-f]+ - expected [0-9a-f]+")
        .contains("Problem");
  }

  @Test
  void aTruncatedMemberSaysSo() {
    byte[] image = Vectors.bytes("A1-stopped.vda.head.gz");
    String text = text(inspect("m", image, image.length));

    assertThat(text)
        .contains("after=-126976 sectors DEVICE TOO SMALL")
        .contains("TRUNCATED DEVICE");
  }

  @Test
  void garbageBehindTheMagicNumberIsExaminedAllTheSame() {
    byte[] image = Vectors.bytes("A1-stopped.vda.head.gz");
    Arrays.fill(image, 4096 + 4, 8192, (byte) 0x5a);
    MemberInspection member = inspect("m", image, Vectors.SNAPSHOT_MEMBER_BYTES);

    assertThat(text(member)).contains("cannot be checked").contains("Problem");
    assertThat(ExamineJson.of(member).get("checksumCorrect").asBoolean()).isFalse();
  }

  @Test
  void jsonUsesMdsFieldNames() {
    var json = ExamineJson.of(inspect("A2-dirty.vda.head.gz"));

    assertThat(json.get("setName").asText()).isEqualTo("guest:ref");
    assertThat(json.get("resyncOffset").asText()).isEqualTo("18446744073709551615");
    assertThat(json.get("events").asInt()).isEqualTo(17);
    assertThat(json.get("devRoles").toString()).isEqualTo("[0,1]");
    assertThat(json.get("bitmap").get("dirtyChunks").asInt()).isEqualTo(7);
    assertThat(json.get("bitmap").get("dirtyRanges")).hasSize(4);
    assertThat(json.get("problem").isNull()).isTrue();
  }

  @ParameterizedTest
  @CsvSource({
    "5119999,''",
    "66060288,' (63.00 MiB 66.06 MB)'",
    "2147483647,' (2048.00 MiB 2147.48 MB)'",
    "2147483648,' (2.00 GiB 2.15 GB)'",
    "3298534883328,' (3.00 TiB 3.30 TB)'"
  })
  void sizesReadAsMdadmWritesThem(long bytes, String words) {
    assertThat(MdWords.humanSize(bytes)).isEqualTo(words);
  }
}
