package io.nbdmirror.raid.creation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Layouts, with values seen on arrays that mdadm 4.2 made where the device is of such a size. */
final class ArrayLayoutTest {
  private static final long MIB = 2048;
  private static final long GIB = 1024 * MIB;

  private static NewArray array(int minor, long sizeBytes, boolean bitmap, long chunkBytes) {
    List<UUID> uuids = List.of(new UUID(1, 1), new UUID(1, 2));
    return new NewArray(
        "a", new UUID(0, 7), minor, sizeBytes, kind(bitmap), chunkBytes, 5, 0, false, uuids);
  }

  private static NewArray.Bitmap kind(boolean bitmap) {
    return bitmap ? NewArray.Bitmap.INTERNAL : NewArray.Bitmap.NONE;
  }

  private static ArrayLayout layout(NewArray array, long... sectors) throws CreationException {
    List<ArrayLayout.Device> devices = new ArrayList<>();
    for (long each : sectors) {
      devices.add(new ArrayLayout.Device("/m" + devices.size(), each));
    }
    return ArrayLayout.of(array, devices);
  }

  @ParameterizedTest
  @CsvSource({
    "64, 2048",
    "9216, 18432",
    "131072, 264192",
    "1048576, 264192",
    "16, 2048",
    "2, 2048"
  })
  void dataBeginsBehindBitmapAndHeadroom(long deviceMib, long dataOffset) {
    assertThat(ArrayLayout.dataOffset(deviceMib * MIB)).isEqualTo(dataOffset);
  }

  @ParameterizedTest
  @CsvSource({
    "127, 0",
    "128, 8",
    "16777224, 8",
    "16777225, 128",
    "419430527, 128",
    "419430528, 256"
  })
  void roomForABitmapGrowsWithTheDevice(long sectors, int room) {
    assertThat(ArrayLayout.bitmapSpace(sectors)).isEqualTo(room);
  }

  @ParameterizedTest
  @CsvSource({
    // minor, super, data offset, data size, bitmap, bad-block log
    "2, 8, 2048, 129024, 8, 16",
    "1, 0, 2048, 129024, 8, 16",
    "0, 131056, 0, 131040, -16, -8",
  })
  void sixtyFourMebibytesAreLaidOutAsMdadmDoes(
      int minor, long superOffset, long dataOffset, long size, int bitmap, int bblog)
      throws CreationException {
    ArrayLayout layout = layout(array(minor, 0, true, 0), 64 * MIB, 64 * MIB);
    ArrayLayout.OfMember own = layout.onDevice(64 * MIB);
    assertThat(own.superOffset()).isEqualTo(superOffset);
    assertThat(layout.dataOffset()).isEqualTo(dataOffset);
    assertThat(layout.size()).isEqualTo(size);
    assertThat(own.dataSize()).isEqualTo(size);
    assertThat(layout.bitmapOffset()).isEqualTo(bitmap);
    assertThat(layout.bitmapSectors()).isEqualTo(8);
    assertThat(own.bblogOffset()).isEqualTo(bblog);
    assertThat(own.bblogSize()).isEqualTo(8);
  }

  @Test
  void aBitmapOfSeveralPagesMovesTheBadBlockLog() throws CreationException {
    ArrayLayout layout = layout(array(2, 0, true, 64 << 10), 9 * GIB);
    assertThat(layout.bitmapSectors()).isEqualTo(40);
    assertThat(layout.onDevice(9 * GIB).bblogOffset()).isEqualTo(48);
  }

  @Test
  void withoutABitmapItsRoomStaysFree() throws CreationException {
    ArrayLayout layout = layout(array(2, 0, false, 0), 64 * MIB);
    assertThat(layout.hasBitmap()).isFalse();
    assertThat(layout.onDevice(64 * MIB).bblogOffset()).isEqualTo(16);
  }

  @ParameterizedTest
  @CsvSource({
    "64, 67108864",
    "1048576, 67108864",
    "33554432, 67108864",
    "67108864, 134217728",
    "268435456, 536870912"
  })
  void theDefaultChunkIsSixtyFourMebibytesUnlessThereAreTooManyBits(long mib, long chunkBytes)
      throws CreationException {
    assertThat(layout(array(2, 0, true, 0), mib * MIB).bitmapChunkBytes()).isEqualTo(chunkBytes);
  }

  @Test
  void theSmallestDeviceDecidesTheSizeAndTheFirstTheDataOffset() throws CreationException {
    ArrayLayout layout = layout(array(2, 0, true, 0), 9 * GIB, 8 * GIB);
    assertThat(layout.dataOffset()).isEqualTo(18432);
    assertThat(layout.size()).isEqualTo(8 * GIB - 18432);
    assertThat(layout.onDevice(9 * GIB).dataSize()).isEqualTo(9 * GIB - 18432);
  }

  @ParameterizedTest
  @CsvSource({
    // 511 MiB in chunks of 4 KiB want 130816 bits, and one page has 30720.
    "2, 0, 4096, 1048576, too small for an array of 535822336 bytes: the least is 32768",
    "2, 0, 5000, 1048576, no power of two",
    "2, 0, 512, 131072, no power of two",
    "2, 134217728, 0, 131072, /m0 has room for 66060288 bytes of data",
    "2, 0, 0, 2050, /m0 with 1049600 bytes is too small",
    "0, 0, 0, 30, /m0 with 15360 bytes is too small",
    "0, 0, 0, 140, no room for a bitmap",
  })
  void whatDoesNotFitIsRefused(int minor, long sizeBytes, long chunk, long sectors, String why) {
    assertThatThrownBy(() -> layout(array(minor, sizeBytes, true, chunk), sectors))
        .isInstanceOf(CreationException.class)
        .hasMessageContaining(why);
  }

  @ParameterizedTest
  @CsvSource({"64, 0, 4096", "8192, 0, 8192", "64, 65536, 65536"})
  void aBitmapInAFileTakesNoRoomOnMembersAndMdadmsChunk(long mib, long asked, long chunkBytes)
      throws CreationException {
    List<UUID> uuids = List.of(new UUID(1, 1));
    NewArray inFile =
        new NewArray("a", new UUID(0, 7), 2, 0, NewArray.Bitmap.FILE, asked, 5, 0, false, uuids);
    ArrayLayout layout = layout(inFile, mib * MIB + 2048);
    assertThat(layout.hasBitmap()).isFalse();
    assertThat(layout.bitmapChunkBytes()).isEqualTo(chunkBytes);
    assertThat(layout.bitmapOffset()).isZero();
  }
}
