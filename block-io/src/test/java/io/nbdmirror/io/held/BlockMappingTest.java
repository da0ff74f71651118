package io.nbdmirror.io.held;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.nbdmirror.io.Errno;
import io.nbdmirror.io.held.FakeFile.Extent;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BlockMappingTest {
  private static final int LAST = 1;
  private static final int MERGED = 0x1000;

  private final FakeFile file = new FakeFile();

  private BlockMap find(long size) throws RawImpossibleException {
    return new BlockMapping(file.calls(), 3, "ext4", size, FakeFile.BLOCK).find();
  }

  private void refuses(String reason) {
    assertThatThrownBy(() -> find(5000))
        .isInstanceOf(RawImpossibleException.class)
        .hasMessage(reason);
  }

  @Test
  void everyBlockOfTheFileHasItsPlaceAndNoneBehindIt() throws Exception {
    file.extents.add(new Extent(0, 10 * 1024, 2048, 0));
    file.extents.add(new Extent(2048, 90 * 1024, 1 << 20, LAST | MERGED));
    BlockMap map = find(5000);
    assertThat(map.lengthBytes()).isEqualTo(5 * 1024);
    assertThat(map.deviceOffsetBytes(2047)).isEqualTo(10 * 1024 + 2047);
    assertThat(map.deviceOffsetBytes(2048)).isEqualTo(90 * 1024);
    assertThat(map.deviceOffsetBytes(4999)).isEqualTo(90 * 1024 + 2951);
  }

  @Test
  void moreExtentsThanFitOneAnswerAreAskedForInTurn() throws Exception {
    for (int block = 0; block < 2000; block++) {
      file.extents.add(new Extent(block * 1024L, (3000L - block) * 1024, 1024, 0));
    }
    BlockMap map = find(2000 * 1024);
    assertThat(map.runs()).hasSize(2000);
    assertThat(map.deviceOffsetBytes(1999 * 1024)).isEqualTo(1001 * 1024);
  }

  @ParameterizedTest
  @CsvSource({
    "2, unknown place",
    "4, delalloc",
    "8, encoded",
    "0x80, encrypted",
    "0x100, not aligned",
    "0x200, inline",
    "0x400, tail",
    "0x800, unwritten",
    "0x2000, shared",
    "0x10000, unknown flag 0x10000"
  })
  void everyFlagButTwoIsRefusedByName(String flag, String name) {
    file.extents.add(new Extent(0, 10 * 1024, 4096, 0));
    file.extents.add(new Extent(4096, 90 * 1024, 4096, LAST | Integer.decode(flag)));
    assertThatThrownBy(() -> find(5000))
        .isInstanceOf(RawImpossibleException.class)
        .hasMessageContaining(name)
        .hasMessageContaining("at offset 4096 of it");
  }

  @Test
  void aFlagBehindTheEndOfTheFileDoesNotMatter() throws Exception {
    file.extents.add(new Extent(0, 10 * 1024, 5 * 1024, 0));
    file.extents.add(new Extent(5 * 1024, 90 * 1024, 4096, 0x800));
    assertThat(find(5000).lengthBytes()).isEqualTo(5 * 1024);
  }

  @Test
  void holesAreRefused() {
    refuses("ext4 has a hole at offset 0 of it");
    file.extents.add(new Extent(1024, 10 * 1024, 8192, 0));
    refuses("ext4 has a hole at offset 0 of it");
    file.extents.clear();
    file.extents.add(new Extent(0, 10 * 1024, 1024, 0));
    file.extents.add(new Extent(2048, 20 * 1024, 8192, 0));
    refuses("ext4 has a hole at offset 1024 of it");
    file.extents.removeLast();
    refuses("ext4 has a hole at offset 1024 of it");
  }

  @Test
  void aMapThatChangesWhileItIsAskedForIsRefused() {
    file.extents.add(new Extent(0, 10 * 1024, 8192, 0));
    file.afterFiemap = () -> file.extents.set(0, new Extent(0, 30 * 1024, 8192, 0));
    refuses("ext4 moved blocks while being asked for them");
  }

  @Test
  void fibmapMustSayTheSame() {
    file.extents.add(new Extent(0, 10 * 1024, 8192, 0));
    file.fibmapShift = 1;
    refuses("ext4 gives two places for offset 0 of it: 10240 by FIEMAP, 11264 by FIBMAP");
  }

  @Test
  void whereFibmapIsNotPermittedFiemapMustDo() throws Exception {
    file.extents.add(new Extent(0, 10 * 1024, 8192, 0));
    file.fibmapError = Errno.EPERM;
    assertThat(find(5000).lengthBytes()).isEqualTo(5 * 1024);
  }

  @Test
  void aFilesystemWithoutFiemapIsRefused() {
    file.fiemapError = Errno.EOPNOTSUPP;
    refuses("ext4 does not tell where its blocks are (FIEMAP: error 95)");
  }

  @Test
  void whatCannotBeIsRefused() {
    file.extents.add(new Extent(0, 10 * 1024 + 512, 8192, 0));
    refuses("ext4 gave an extent that cannot be: 8192 bytes of offset 0 at 10752");
    file.extents.set(0, new Extent(0, 0, 8192, 0));
    refuses("ext4 gave an extent that cannot be: 8192 bytes of offset 0 at 0");
  }
}
