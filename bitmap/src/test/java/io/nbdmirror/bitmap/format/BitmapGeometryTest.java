package io.nbdmirror.bitmap.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BitmapGeometryTest {
  /** A bit for every 4 KiB of 1 GiB: nine pages. */
  private final BitmapGeometry geometry = new BitmapGeometry(1L << 30, 4096);

  @ParameterizedTest
  @CsvSource({
    "0, 0, 2048",
    "30719, 0, 32767",
    "30720, 1, 0",
    "63487, 1, 32767",
    "63488, 2, 0",
    "262143, 8, 2047"
  })
  void aBitLiesOnThePageTheFormatSays(int chunk, int page, int bit) {
    assertThat(geometry.pageOf(chunk)).isEqualTo(page);
    assertThat(geometry.bitInPage(chunk)).isEqualTo(bit);
  }

  @Test
  void theLastPageIsUsedOnlyAsFarAsBitsReach() {
    assertThat(geometry.pages()).isEqualTo(9);
    assertThat(geometry.storedBytes()).isEqualTo(256 + 262144 / 8);
    assertThat(geometry.usedBytesOf(8)).isEqualTo(256);
    assertThat(geometry.usedBytesOf(0)).isEqualTo(4096);
    assertThat(new BitmapGeometry(16128L * 4096, 4096).storedBytes()).isEqualTo(2272);
  }

  @Test
  void aPageBeginsWithTheChunkAfterTheOneBefore() {
    for (int page = 1; page < geometry.pages(); page++) {
      assertThat(geometry.pageOf(geometry.firstChunkOf(page))).isEqualTo(page);
      assertThat(geometry.pageOf(geometry.firstChunkOf(page) - 1)).isEqualTo(page - 1);
    }
  }

  @Test
  void theLastChunkEndsWithTheArray() {
    BitmapGeometry odd = new BitmapGeometry(10_000_384, 65536);
    assertThat(odd.chunks()).isEqualTo(153);
    assertThat(odd.chunkEndBytes(152)).isEqualTo(10_000_384);
    assertThat(odd.chunkAt(10_000_383)).isEqualTo(152);
    assertThat(odd.chunkStartBytes(152)).isEqualTo(152L * 65536);
  }

  @ParameterizedTest
  @CsvSource({"0, 4096", "4096, 1000", "4096, 256", "4611686018427387904, 512"})
  void whatMakesNoSenseIsRefused(long sizeBytes, long chunkBytes) {
    assertThatThrownBy(() -> new BitmapGeometry(sizeBytes, chunkBytes))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
