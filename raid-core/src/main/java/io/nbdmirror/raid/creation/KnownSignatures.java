package io.nbdmirror.raid.creation;

import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.List;

/** Signatures that lie at fixed places and consist of fixed bytes. */
final class KnownSignatures {
  /**
   * One of them.
   *
   * @param offsetBytes from the start of the device; when negative, from its end
   * @param magic one character a byte
   */
  record Known(String what, long offsetBytes, String magic) {}

  private static final int KIB = 1024;

  static final List<Known> ALL =
      List.of(
          text("an XFS filesystem", 0, "XFSB"),
          text("a squashfs filesystem", 0, "hsqs"),
          text("a LUKS volume", 0, "LUKS\u00ba\u00be"),
          text("a LUKS volume", 16 * KIB, "SKUL\u00ba\u00be"),
          text("a qcow2 disk image", 0, "QFI\u00fb"),
          text("a VMDK disk image", 0, "KDMV"),
          text("a VHDX disk image", 0, "vhdxfile"),
          text("an md write-intent bitmap", 0, "bitm"),
          text("a dm-integrity volume", 0, "integrt\0"),
          text("an NTFS filesystem", 3, "NTFS    "),
          text("an exFAT filesystem", 3, "EXFAT   "),
          text("a BitLocker volume", 3, "-FVE-FS-"),
          text("a FAT filesystem", 54, "FAT12   "),
          text("a FAT filesystem", 54, "FAT16   "),
          text("a FAT filesystem", 82, "FAT32   "),
          text("an LVM2 physical volume", 0, "LABELONE"),
          text("an LVM2 physical volume", 512, "LABELONE"),
          text("an LVM2 physical volume", 1024, "LABELONE"),
          text("an LVM2 physical volume", 1536, "LABELONE"),
          text("a partition table (GPT)", 512, "EFI PART"),
          text("a partition table (GPT)", 4096, "EFI PART"),
          text("a partition table (GPT backup)", -512, "EFI PART"),
          text("a partition table (GPT backup)", -4096, "EFI PART"),
          hex("an F2FS filesystem", KIB, "1020f5f2"),
          hex("an EROFS filesystem", KIB, "e2e1f5e0"),
          text("an HFS+ filesystem", KIB, "H+\0\4"),
          text("a swap area", 4086, "SWAPSPACE2"),
          text("a swap area", 4086, "SWAP-SPACE"),
          text("a swap area", 16 * KIB - 10, "SWAPSPACE2"),
          text("a swap area", 64 * KIB - 10, "SWAPSPACE2"),
          hex("a bcachefs filesystem", 4096 + 24, "c68573f666ce90a9d96a60cf803df7ef"),
          hex("a bcache device", 4096 + 24, "c68573f64e1a45ca8265f57f48ba6d81"),
          text("an ISO 9660 filesystem", 32 * KIB + 1, "CD001"),
          text("a UDF filesystem", 32 * KIB + 1, "BEA01"),
          text("a JFS filesystem", 32 * KIB, "JFS1"),
          text("a btrfs filesystem", 64 * KIB + 64, "_BHRfS_M"),
          text("a reiserfs filesystem", 64 * KIB + 52, "ReIsEr"),
          text("an OCFS2 filesystem", 8 * KIB, "OCFSV2"),
          hex("a GFS2 filesystem", 64 * KIB, "01161970"),
          text("Intel RAID metadata", -1024, "Intel Raid ISM Cfg Sig. "),
          hex("DDF RAID metadata", -512, "de11de11"));

  private KnownSignatures() {}

  private static Known text(String what, long offsetBytes, String magic) {
    return new Known(what, offsetBytes, magic);
  }

  private static Known hex(String what, long offsetBytes, String magic) {
    byte[] bytes = HexFormat.of().parseHex(magic);
    return new Known(what, offsetBytes, new String(bytes, StandardCharsets.ISO_8859_1));
  }
}
