package io.nbdmirror.raid.creation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class ArrayLayoutTest {
  private static final long MIB = 1L << 20;

  private static NewArray array(int minor, long sizeBytes, boolean bitmap, long chunkBytes) {
    List<UUID> devices = List.of(new UUID(1, 0), new UUID(1, 1));
    return new NewArray(
        "x", new UUID(0, 0), minor, sizeBytes, bitmap, chunkBytes, 5, 0, false, devices);
  }

  private static ArrayLayout layout(NewArray array, long... deviceBytes) throws CreationException {
    return ArrayLayout.of(
        array,
        Arrays.stream(deviceBytes)
            .mapToObj(bytes -> new ArrayLayout.Device("m" + bytes, bytes / 512))
            .toList());
  }

  @ParameterizedTest(name = "{0} MiB: data at sector {1}, chunk {2} KiB, log at {3}")
  @CsvSource({
    "16, 2048, 65536, 16",
    "64, 2048, 65536, 16",
    "1024, 4096, 65536, 16",
    "9216, 18432, 65536, 16",
    "131072, 264192, 65536, 16",
    "1048576, 264192, 65536, 16",
    "16777216, 264192, 65536, 80"
  })
  void dataOffsetChunkAndLogAreMdadms(long mib, long dataOffset, long chunkKib, int bblogOffset)
      throws CreationException {
    ArrayLayout layout = layout(array(2, 0, true, 0), mib * MIB, mib * MIB);

    assertThat(layout.dataOffset()).isEqualTo(dataOffset);
    assertThat(layout.size()).isEqualTo(mib * 2048 - dataOffset);
    assertThat(layout.bitmapChunkBytes()).isEqualTo(chunkKib * 1024);
    assertThat(layout.bitmapOffset()).isEqualTo(8);
    ArrayLayout.OfMember member = layout.onDevice(mib * 2048);
    assertThat(member.superOffset()).isEqualTo(8);
    assertThat(member.dataSize()).isEqualTo(mib * 2048 - dataOffset);
    assertThat(member.bblogSize()).isEqualTo(8);
    assertThat(member.bblogOffset()).isEqualTo(bblogOffset);
  }

  @Test
  void aVersion10SuperblockLiesAtTheEndWithItsBitmapBefore() throws CreationException {
    ArrayLayout layout = layout(array(0, 0, true, 0), 64 * MIB);

    assertThat(layout.dataOffset()).isZero();
    assertThat(layout.bitmapOffset()).isEqualTo(-16);
    ArrayLayout.OfMember member = layout.onDevice(131072);
    assertThat(member.superOffset()).isEqualTo(131056);
    assertThat(member.bblogOffset()).isEqualTo(-8);
    assertThat(layout.size()).isEqualTo(131072 - 24 - 8);
    assertThat(member.dataSize()).isEqualTo(131056 - 16);
  }

  @Test
  void aVersion11SuperblockLiesAtTheStart() throws CreationException {
    ArrayLayout layout = layout(array(1, 0, true, 0), 64 * MIB);

    assertThat(layout.dataOffset()).isEqualTo(2048);
    assertThat(layout.bitmapOffset()).isEqualTo(8);
    assertThat(layout.onDevice(131072))
        .isEqualTo(new ArrayLayout.OfMember(0, 131072 - 2048, 8, 16));
  }

  @ParameterizedTest
  @CsvSource({"127,0", "128,8", "16777224,8", "16777225,128", "419430527,128", "419430528,256"})
  void roomForABitmapGrowsWithTheDevice(long sectors, int room) {
    assertThat(ArrayLayout.bitmapSpace(sectors)).isEqualTo(room);
  }

  @Test
  void aBitmapOfManyPagesMovesTheLogBehindIt() throws CreationException {
    ArrayLayout layout = layout(array(2, 0, true, 64 << 10), 9216 * MIB);

    assertThat(layout.bitmapSectors()).isEqualTo(40);
    assertThat(layout.onDevice(9216 * 2048).bblogOffset()).isEqualTo(48);
  }

  @Test
  void theFirstDeviceDecidesTheDataOffsetAndTheSmallestTheSize() throws CreationException {
    ArrayLayout layout = layout(array(2, 0, true, 0), 9216 * MIB, 64 * MIB);

    assertThat(layout.dataOffset()).isEqualTo(18432);
    assertThat(layout.size()).isEqualTo(131072 - 18432);
  }

  @Test
  void anOddNumberOfSectorsIsRoundedDownToAKibibyte() throws CreationException {
    assertThat(layout(array(2, 0, true, 0), 64 * MIB + 512).size()).isEqualTo(131072 - 2048);
  }

  @ParameterizedTest
  @CsvSource({
    "0, 2048, 'm1048576 with 1048576 bytes is too small to be a member'",
    "66061312, 131072, 'm67108864 has room for 66060288 bytes of data, and 66061312 are wanted'",
    "4096, 131072, 'a size of 4096 bytes is too small'"
  })
  void aSizeThatDoesNotFitIsRefusedByName(long sizeBytes, long sectors, String message) {
    assertThatThrownBy(() -> layout(array(2, sizeBytes, true, 0), sectors * 512))
        .isInstanceOf(CreationException.class)
        .hasMessageContaining(message);
  }

  @Test
  void aSmallerSizeLeavesTheRestUnused() throws CreationException {
    ArrayLayout layout = layout(array(2, 65_011_712, true, 0), 64 * MIB);

    assertThat(layout.size()).isEqualTo(65_011_712 / 512);
    assertThat(layout.onDevice(131072).dataSize()).isEqualTo(131072 - 2048);
  }

  @ParameterizedTest
  @CsvSource({"2048,no power of two", "5000,no power of two", "4294967296,no power of two"})
  @CsvSource({"524288,the least is 1048576"})
  void aChunkThatDoesNotFitIsRefused(long chunkBytes, String message) {
    assertThatThrownBy(() -> layout(array(2, 0, true, chunkBytes), 512L << 30))
        .isInstanceOf(CreationException.class)
        .hasMessageContaining(message);
  }

  @Test
  void theLeastChunkThatFitsIsTaken() throws CreationException {
    assertThat(layout(array(2, 0, true, 1048576), 512L << 30).bitmapChunkBytes())
        .isEqualTo(1048576);
  }
}
