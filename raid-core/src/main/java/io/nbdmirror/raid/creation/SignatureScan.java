package io.nbdmirror.raid.creation;

import io.nbdmirror.raid.superblock.MdSuperblock;
import io.nbdmirror.raid.superblock.SuperblockReader;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** Looks for signatures in the first and the last bytes of a device. */
final class SignatureScan {
  private static final int AT_MBR_PARTITIONS = 446;
  private static final int AT_MBR_SIGNATURE = 510;
  private static final int MBR_SIGNATURE = 0xaa55;
  private static final int MBR_ENTRIES = 4;
  private static final int MBR_ENTRY_BYTES = 16;
  private static final int MBR_TYPE_IN_ENTRY = 4;
  private static final int MBR_TYPE_GPT = 0xee;

  private static final int AT_EXT_MAGIC = 0x438;
  private static final int AT_EXT_COMPATIBLE = 0x45c;
  private static final int AT_EXT_INCOMPATIBLE = 0x460;
  private static final int EXT_MAGIC = 0xef53;
  private static final int EXT_HAS_JOURNAL = 0x4;
  private static final int EXT_JOURNAL_DEVICE = 0x8;
  private static final int EXT4_INCOMPATIBLE = 0x40 | 0x80 | 0x200;

  private static final int ZFS_MAGIC = 0x00bab10c;
  private static final int ZFS_FROM = 128 << 10;
  private static final int ZFS_TO = 256 << 10;

  private static final long OLD_MD_UNIT_BYTES = 64 << 10;
  private static final int MD_VERSION_OFFSET = 4;

  private final ByteBuffer head;
  private final ByteBuffer tail;
  private final long tailBytes;
  private final long sizeBytes;
  private final List<Signature> found = new ArrayList<>();

  /**
   * @param tailBytes offset of the tail's first byte; the two may overlap
   */
  SignatureScan(ByteBuffer head, ByteBuffer tail, long tailBytes, long sizeBytes) {
    this.head = head.slice().order(ByteOrder.LITTLE_ENDIAN);
    this.tail = tail.slice().order(ByteOrder.LITTLE_ENDIAN);
    this.tailBytes = tailBytes;
    this.sizeBytes = sizeBytes;
  }

  /** All of them, md's first. */
  List<Signature> signatures() {
    for (int minor = 2; minor >= 0; minor--) {
      md(SuperblockReader.superOffset(minor, sizeBytes) * MdSuperblock.SECTOR_BYTES, "1." + minor);
    }
    md((sizeBytes & -OLD_MD_UNIT_BYTES) - OLD_MD_UNIT_BYTES, "0.90");
    for (KnownSignatures.Known known : KnownSignatures.ALL) {
      long at = known.offsetBytes() < 0 ? sizeBytes + known.offsetBytes() : known.offsetBytes();
      byte[] there = bytesAt(at, known.magic().length());
      if (known.magic().equals(new String(there, StandardCharsets.ISO_8859_1))) {
        add(known.what(), at, known.magic().length());
      }
    }
    ext();
    zfs();
    masterBootRecord();
    return List.copyOf(found);
  }

  private void add(String what, long at, int length) {
    found.add(new Signature(what, at, length, false));
  }

  private void md(long at, String version) {
    if (at >= 0 && intAt(at) == MdSuperblock.MAGIC) {
      int major = intAt(at + MD_VERSION_OFFSET);
      boolean expected = version.startsWith(major + ".");
      String what = "an md superblock (version %s)".formatted(expected ? version : major);
      found.add(new Signature(what, at, MdSuperblock.BYTES, true));
    }
  }

  private void ext() {
    if ((intAt(AT_EXT_MAGIC) & 0xffff) != EXT_MAGIC) {
      return;
    }
    int incompatible = intAt(AT_EXT_INCOMPATIBLE);
    String what;
    if ((incompatible & EXT_JOURNAL_DEVICE) != 0) {
      what = "an ext4 journal";
    } else if ((incompatible & EXT4_INCOMPATIBLE) != 0) {
      what = "an ext4 filesystem";
    } else {
      boolean journal = (intAt(AT_EXT_COMPATIBLE) & EXT_HAS_JOURNAL) != 0;
      what = journal ? "an ext3 filesystem" : "an ext2 filesystem";
    }
    add(what, AT_EXT_MAGIC, Short.BYTES);
  }

  private void zfs() {
    for (int at = ZFS_FROM; at < ZFS_TO; at += 1024) {
      int magic = intAt(at);
      int high = intAt(at + 4);
      if (magic == ZFS_MAGIC || high == Integer.reverseBytes(ZFS_MAGIC)) {
        add("a ZFS volume", at, Long.BYTES);
        return;
      }
    }
  }

  /** Filesystems have boot sectors too: then their own name says more. */
  private void masterBootRecord() {
    if ((intAt(AT_MBR_SIGNATURE) & 0xffff) != MBR_SIGNATURE) {
      return;
    }
    boolean partitions = false;
    for (int entry = 0; entry < MBR_ENTRIES; entry++) {
      int at = AT_MBR_PARTITIONS + entry * MBR_ENTRY_BYTES;
      int type = intAt(at + MBR_TYPE_IN_ENTRY) & 0xff;
      int status = intAt(at) & 0xff;
      partitions |= type != 0 && (status & 0x7f) == 0;
      if (type == MBR_TYPE_GPT) {
        add("a protective partition table (MBR of a GPT)", AT_MBR_SIGNATURE, Short.BYTES);
        return;
      }
    }
    boolean filesystem = found.stream().anyMatch(each -> each.offsetBytes() < AT_MBR_SIGNATURE);
    if (!filesystem) {
      add(partitions ? "a partition table (MBR)" : "a boot sector", AT_MBR_SIGNATURE, Short.BYTES);
    }
  }

  private int intAt(long at) {
    byte[] bytes = bytesAt(at, Integer.BYTES);
    return bytes.length == 0 ? 0 : ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getInt();
  }

  /** Empty where neither head nor tail has all of them. */
  private byte[] bytesAt(long at, int length) {
    byte[] bytes = new byte[length];
    if (at >= 0 && at + length <= head.limit()) {
      head.get((int) at, bytes);
    } else if (at >= tailBytes && at + length <= sizeBytes) {
      tail.get((int) (at - tailBytes), bytes);
    } else {
      return new byte[0];
    }
    return bytes;
  }
}
