package io.nbdmirror.io.held;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.nbdmirror.io.nativecalls.Linux;
import java.util.List;
import org.junit.jupiter.api.Test;

class PlacementTest {
  private final FakeFile file = new FakeFile();

  private static void refuses(LockedFile locked, String reason) {
    assertThatThrownBy(() -> Placement.of(locked))
        .isInstanceOf(RawImpossibleException.class)
        .hasMessageContaining(reason);
  }

  @Test
  void filesystemsWithoutADeviceAreRefusedByName() {
    refuses(file.locked(0, 0x01021994, "tmpfs"), "tmpfs keeps no blocks on a device");
    refuses(file.locked(0, 0x794c7630, "overlay"), "overlayfs only shows the files");
    refuses(file.locked(0, 0x9123683e, "btrfs"), "btrfs writes to new blocks each time");
    refuses(file.locked(0, 0x6969, "nfs4"), "nfs4 is on no block device of this machine");
  }

  @Test
  void filesystemsThatMoveBlocksAreRefused() {
    refuses(file.locked(8, 0xf2f52010, "f2fs"), "f2fs is not one of ext2, ext3, ext4 and XFS");
  }

  @Test
  void journaledDataIsRefusedByTheMountAndByTheFilesFlag() {
    refuses(
        file.locked(8, FakeFile.EXT, "ext4", "rw", "data=journal"), "mounted with data=journal");
    file.flags = Linux.FS_JOURNAL_DATA_FL;
    refuses(file.locked(8, FakeFile.EXT, "ext4", "rw"), "journals its data (chattr +j)");
  }

  @Test
  void anXfsThatDoesNotSayWhetherTheFileIsRealtimeIsRefused() {
    refuses(file.locked(8, 0x58465342, "xfs"), "realtime device");
  }

  @Test
  void aMountIsFoundByItsNumberWhateverOptionalFieldsItHas() {
    List<String> lines =
        List.of(
            "35 1 8:1 / / rw - ext4 /dev/sda1 rw",
            "36 35 98:0 /root /m\\040t rw,noatime master:1 - ext3 /dev/loop\\0400 rw,data=journal",
            "37 35 0:5 / /x rw shared:1 master:2 - tmpfs none rw");
    assertThat(MountEntry.find("36", lines))
        .isEqualTo(new MountEntry("ext3", "/dev/loop 0", List.of("rw", "data=journal")));
    assertThat(MountEntry.find("37", lines).type()).isEqualTo("tmpfs");
    assertThat(MountEntry.find("99", lines).type()).isEqualTo("unknown");
  }
}
