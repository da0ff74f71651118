package io.nbdmirror.raid.superblock;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.bitmap.format.BitmapSuperblock;
import io.nbdmirror.bitmap.format.BitmapSurvey;
import io.nbdmirror.bitmap.format.StoredBitmap;
import io.nbdmirror.raid.vectors.Vectors;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

final class BitmapVectorTest {
  private static final int INTERNAL_OFFSET_BYTES = 8192;

  /** Every vector that holds a bitmap, the external ones with them. */
  static List<String> bitmaps() {
    List<String> names = new ArrayList<>(Vectors.members());
    names.removeIf(name -> name.startsWith("B-"));
    names.addAll(List.of("B-dirty.bitmap0", "B-stopped.bitmap0"));
    return names;
  }

  private static byte[] stored(String name) {
    byte[] image = Vectors.bytes(name);
    return name.startsWith("B-")
        ? image
        : Arrays.copyOfRange(image, INTERNAL_OFFSET_BYTES, 1 << 20);
  }

  private static StoredBitmap decode(String name) {
    ByteBuffer bytes = ByteBuffer.wrap(stored(name));
    BitmapSuperblock superblock = BitmapSuperblock.wrap(bytes);
    assertThat(superblock.problem()).isNull();
    StoredBitmap bitmap = new StoredBitmap(superblock);
    bitmap.add(bytes.position(BitmapSuperblock.BYTES));
    return bitmap;
  }

  @ParameterizedTest
  @MethodSource("bitmaps")
  void encodesAgainFromItsFieldsToTheSameBytes(String name) {
    byte[] stored = Arrays.copyOf(stored(name), BitmapSuperblock.BYTES);
    BitmapSuperblock from = BitmapSuperblock.wrap(ByteBuffer.wrap(stored));
    BitmapSuperblock to = BitmapSuperblock.blank();
    to.setMagic(from.magic());
    to.setVersion(from.version());
    to.setUuid(from.uuid());
    to.setEvents(from.events());
    to.setEventsCleared(from.eventsCleared());
    to.setSyncSize(from.syncSize());
    to.setState(from.state());
    to.setChunksize(from.chunksize());
    to.setDaemonSleep(from.daemonSleep());
    to.setWriteBehind(from.writeBehind());
    to.setSectorsReserved(from.sectorsReserved());
    to.setNodes(from.nodes());
    to.setClusterName(from.clusterName());

    byte[] encoded = new byte[BitmapSuperblock.BYTES];
    to.copyTo(ByteBuffer.wrap(encoded), 0);
    assertThat(encoded).isEqualTo(stored);
  }

  @Test
  void theChunksWrittenToAreDirty() {
    for (String name : List.of("A2-dirty.vda.head.gz", "A2-dirty.vdb.head.gz", "B-dirty.bitmap0")) {
      StoredBitmap bitmap = decode(name);
      assertThat(bitmap.dirtyChunks()).as(name).isEqualTo(7);
      for (int chunk : new int[] {0, 1, 7, 8, 9, 1000, 15000}) {
        assertThat(bitmap.isDirty(chunk)).as("%s chunk %d", name, chunk).isTrue();
      }
      assertThat(ranges(bitmap))
          .containsExactly(
              new BitmapSurvey.Range(0, 2 * 4096),
              new BitmapSurvey.Range(7 * 4096, 3 * 4096),
              new BitmapSurvey.Range(1000 * 4096, 4096),
              new BitmapSurvey.Range(15000 * 4096, 4096));
    }
  }

  @ParameterizedTest
  @CsvSource({"0,256,1", "7,256,128", "8,257,1", "30719,4095,128"})
  @CsvSource({"30720,4096,1", "63487,8191,128", "63488,8192,1"})
  void eachBitLiesWhereMdPutsIt(int chunk, int byteAt, int mask) {
    byte[] image = new byte[3 * 4096];
    image[byteAt] = (byte) mask;
    BitmapSuperblock superblock = BitmapSuperblock.wrap(ByteBuffer.wrap(image));
    superblock.setSyncSize(70_000 * 8L);
    superblock.setChunksize(4096);
    StoredBitmap bitmap = new StoredBitmap(superblock);
    bitmap.add(ByteBuffer.wrap(image).position(BitmapSuperblock.BYTES));

    assertThat(ranges(bitmap)).containsExactly(new BitmapSurvey.Range(chunk * 4096L, 4096));
    assertThat(bitmap.geometry().pageOf(chunk)).isEqualTo(byteAt / 4096);
    assertThat(bitmap.geometry().bitInPage(chunk))
        .isEqualTo(byteAt % 4096 * 8 + Integer.numberOfTrailingZeros(mask));
  }

  @Test
  void bitsBehindTheLastChunkDoNotCount() {
    BitmapSuperblock superblock = BitmapSuperblock.blank();
    superblock.setSyncSize(5 * 8);
    superblock.setChunksize(4096);
    StoredBitmap bitmap = new StoredBitmap(superblock);
    bitmap.add(ByteBuffer.wrap(new byte[] {-1, -1}));

    assertThat(bitmap.dirtyChunks()).isEqualTo(5);
  }

  static List<String> internal() {
    return List.of("A1-justcreated", "A1-dirty", "A1-stopped", "A2-dirty", "A2-stopped");
  }

  @ParameterizedTest
  @MethodSource("internal")
  void saysWhatMdadmSaid(String snapshot) {
    Map<String, String> said = Vectors.said(snapshot, "mdadm -X /dev/vda");
    StoredBitmap bitmap = decode(snapshot + ".vda.head.gz");
    BitmapSuperblock superblock = bitmap.superblock();

    assertThat(said).isNotEmpty();
    assertThat(said.get("Magic")).isEqualTo(Integer.toHexString(superblock.magic()));
    assertThat(said.get("Version")).isEqualTo("" + superblock.version());
    assertThat(said.get("Events")).isEqualTo("" + superblock.events());
    assertThat(said.get("Events Cleared")).isEqualTo("" + superblock.eventsCleared());
    assertThat(said.get("Sync Size")).startsWith(superblock.syncSize() / 2 + " ");
    assertThat(said.get("Daemon")).isEqualTo(superblock.daemonSleep() + "s flush period");
    assertThat(said.get("Bitmap"))
        .startsWith(
            "%d bits (chunks), %d dirty"
                .formatted(bitmap.geometry().chunks(), bitmap.dirtyChunks()));
  }

  private static List<BitmapSurvey.Range> ranges(StoredBitmap bitmap) {
    BitmapSurvey survey = new BitmapSurvey(bitmap.geometry(), 1000);
    assertThat(survey.goOn(bitmap, Integer.MAX_VALUE)).isTrue();
    return survey.ranges();
  }
}
