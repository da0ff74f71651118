package io.nbdmirror.raid;

import io.nbdmirror.bitmap.format.BitmapGeometry;
import io.nbdmirror.bitmap.format.BitmapSuperblock;
import io.nbdmirror.io.BlockDevice;
import io.nbdmirror.io.simulation.Latency;
import io.nbdmirror.io.simulation.SimulatedDevice;
import io.nbdmirror.io.simulation.SimulatedDisk;
import io.nbdmirror.io.simulation.SimulatedScheduler;
import io.nbdmirror.raid.assembly.AssemblyException;
import io.nbdmirror.raid.assembly.BitmapFile;
import io.nbdmirror.raid.assembly.TestAssembly;
import io.nbdmirror.raid.superblock.BadBlockLog;
import io.nbdmirror.raid.superblock.MdSuperblock;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * Simulated members laid out as md would, assembled and started: what every engine test begins
 * with. The layout is written here by hand, so that these tests do not stand on the code that
 * creates arrays.
 */
public final class TestArray {
  public static final long DATA_OFFSET_BYTES = 1 << 20;
  public static final long BITMAP_OFFSET_BYTES = 8192;
  public static final long BAD_BLOCK_LOG_BYTES = 512 << 10;
  public static final UUID ARRAY = new UUID(0x1122334455667788L, 0x99aabbccddeeff00L);

  public final SimulatedScheduler scheduler;
  public final List<SimulatedDevice> devices = new ArrayList<>();
  public final long sizeBytes;
  public final int chunkBytes;

  /** Holds the bitmap instead of the members, when not null. */
  private @Nullable SimulatedDevice bitmapFile;

  /** Clean members with an all-clear internal bitmap, the data all zeroes. */
  public TestArray(long seed, int members, long sizeBytes, int chunkBytes) {
    this(seed, members, sizeBytes, chunkBytes, Latency.MIXED);
  }

  public TestArray(long seed, int members, long sizeBytes, int chunkBytes, Latency latency) {
    this(seed, members, sizeBytes, chunkBytes, disk -> disk.withLatency(latency));
  }

  /** As above, of disks of another kind. */
  public TestArray(
      long seed, int members, long sizeBytes, int chunkBytes, UnaryOperator<SimulatedDisk> kind) {
    this.scheduler = new SimulatedScheduler(seed);
    this.sizeBytes = sizeBytes;
    this.chunkBytes = chunkBytes;
    for (int slot = 0; slot < members; slot++) {
      SimulatedDisk disk =
          kind.apply(SimulatedDisk.of("member" + slot, DATA_OFFSET_BYTES + sizeBytes));
      SimulatedDevice device = new SimulatedDevice(disk, scheduler, seed * 31 + slot);
      format(device, slot, members);
      devices.add(device);
    }
  }

  /** Clean members and an all-clear bitmap in a file. */
  public static TestArray withBitmapFile(long seed, int members, long sizeBytes, int chunkBytes) {
    TestArray array = new TestArray(seed, members, sizeBytes, chunkBytes);
    array.moveBitmapToFile(seed);
    return array;
  }

  private void moveBitmapToFile(long seed) {
    SimulatedDevice file = newBitmapFile("bitmap", chunkBytes, seed * 31 + devices.size());
    put(file, 0, bitmapImage(file.sizeBytes()));
    bitmapFile = file;
    for (int slot = 0; slot < devices.size(); slot++) {
      MdSuperblock superblock = superblock(slot).copy();
      superblock.setFeatureMap(0);
      superblock.setBitmapOffset(0);
      putSuperblock(devices.get(slot), superblock);
    }
  }

  /** A file as long as a bitmap in these chunks, rounded up to a sector. */
  public SimulatedDevice newBitmapFile(String name, int fileChunkBytes, long seed) {
    long stored = new BitmapGeometry(sizeBytes, fileChunkBytes).storedBytes();
    return new SimulatedDevice(SimulatedDisk.of(name, (stored + 511) / 512 * 512), scheduler, seed);
  }

  /**
   * Makes one member write-mostly, and lets it lag; before assembly.
   *
   * @param writes by so many
   */
  public void setWriteBehind(int slot, int writes) {
    MdSuperblock superblock = superblock(slot).copy();
    superblock.setDevflags(MdSuperblock.DEVFLAG_WRITE_MOSTLY);
    putSuperblock(devices.get(slot), superblock);
    SimulatedDevice file = bitmapFile;
    if (file != null) {
      setWriteBehind(file, 0, writes);
    } else {
      devices.forEach(device -> setWriteBehind(device, BITMAP_OFFSET_BYTES, writes));
    }
  }

  private static void setWriteBehind(SimulatedDevice device, long bitmapOffset, int writes) {
    ByteBuffer sector = ByteBuffer.wrap(device.readNow(bitmapOffset, 512));
    BitmapSuperblock.wrap(sector).setWriteBehind(writes);
    device.writeNow(bitmapOffset, sector.array());
  }

  /** The file that the bitmap is in; null when it is on the members. */
  public @Nullable SimulatedDevice bitmapDevice() {
    return bitmapFile;
  }

  /** From now on assembly is given this file. */
  public void useBitmapFile(@Nullable SimulatedDevice file) {
    bitmapFile = file;
  }

  /** Gives every member room for a bad-block log, as mdadm does; before assembly. */
  public void giveBadBlockLogs() {
    for (int slot = 0; slot < devices.size(); slot++) {
      MdSuperblock superblock = superblock(slot).copy();
      superblock.setBblogOffset((int) (BAD_BLOCK_LOG_BYTES / 512 - 8));
      superblock.setBblogSize(8);
      putSuperblock(devices.get(slot), superblock);
    }
  }

  /** The bad blocks that a member's medium tells of, in sectors of the device. */
  public List<BadBlockLog.Entry> badBlocksOnMedium(int slot) {
    return superblock(slot).hasFeature(MdSuperblock.FEATURE_BAD_BLOCKS)
        ? BadBlockLog.decode(
            ByteBuffer.wrap(devices.get(slot).readDurable(BAD_BLOCK_LOG_BYTES, 4096)), 0)
        : List.of();
  }

  /** As assembly is told of the file. */
  public @Nullable BitmapFile bitmapFile() {
    return bitmapFile == null ? null : new BitmapFile(bitmapFile, true);
  }

  /** The same array in a later life: what a restart finds. */
  public TestArray(TestArray earlier, SimulatedScheduler scheduler, List<SimulatedDevice> devices) {
    this.scheduler = scheduler;
    sizeBytes = earlier.sizeBytes;
    chunkBytes = earlier.chunkBytes;
    this.devices.addAll(devices);
  }

  private void format(SimulatedDevice device, int slot, int members) {
    BitmapGeometry geometry = new BitmapGeometry(sizeBytes, chunkBytes);
    put(
        device,
        BITMAP_OFFSET_BYTES,
        bitmapImage((long) geometry.pages() * BitmapGeometry.PAGE_BYTES));
    putSuperblock(device, newSuperblock(slot, members));
  }

  private ByteBuffer bitmapImage(long lengthBytes) {
    BitmapSuperblock bitmap = BitmapSuperblock.blank();
    bitmap.setMagic(BitmapSuperblock.MAGIC);
    bitmap.setVersion(BitmapSuperblock.VERSION_LITTLE_ENDIAN);
    bitmap.setUuid(ARRAY);
    bitmap.setEvents(10);
    bitmap.setEventsCleared(10);
    bitmap.setSyncSize(sizeBytes / 512);
    bitmap.setChunksize(chunkBytes);
    bitmap.setDaemonSleep(5);
    ByteBuffer bits = ByteBuffer.allocateDirect((int) lengthBytes);
    bitmap.copyTo(bits, 0);
    return bits;
  }

  private MdSuperblock newSuperblock(int slot, int members) {
    MdSuperblock superblock = MdSuperblock.blank();
    superblock.setMagic(MdSuperblock.MAGIC);
    superblock.setMajorVersion(1);
    superblock.setFeatureMap(MdSuperblock.FEATURE_BITMAP_OFFSET);
    superblock.setSetUuid(ARRAY);
    superblock.setSetName("test");
    superblock.setLevel(1);
    superblock.setSize(sizeBytes / 512);
    superblock.setRaidDisks(members);
    superblock.setBitmapOffset((int) (BITMAP_OFFSET_BYTES / 512 - 8));
    superblock.setDataOffset(DATA_OFFSET_BYTES / 512);
    superblock.setDataSize(sizeBytes / 512);
    superblock.setSuperOffset(8);
    superblock.setDevNumber(slot);
    superblock.setDeviceUuid(new UUID(7, slot));
    superblock.setEvents(10);
    superblock.setResyncOffset(MdSuperblock.RESYNC_OFFSET_CLEAN);
    superblock.setMaxDev(128);
    for (int number = 0; number < 128; number++) {
      superblock.setRole(number, number < members ? number : MdSuperblock.ROLE_SPARE);
    }
    superblock.updateChecksum();
    return superblock;
  }

  /** Writes a superblock to a device that is not assembled. */
  public void putSuperblock(SimulatedDevice device, MdSuperblock superblock) {
    superblock.updateChecksum();
    ByteBuffer bytes = ByteBuffer.allocateDirect(MdSuperblock.BYTES);
    superblock.copyTo(bytes, 0, MdSuperblock.BYTES);
    put(device, 4096, bytes);
  }

  /** Writes durably to a device that is not assembled. */
  public void put(SimulatedDevice device, long offsetBytes, ByteBuffer bytes) {
    ByteBuf buffer = Unpooled.wrappedBuffer(bytes);
    device.write(offsetBytes, buffer, 0, buffer.capacity(), true, failure -> {});
    scheduler.runUntilIdle();
  }

  /** What a member's superblock says now. */
  public MdSuperblock superblock(int slot) {
    return MdSuperblock.wrap(ByteBuffer.wrap(devices.get(slot).readNow(4096, MdSuperblock.BYTES)));
  }

  /** Whether the chunk's bit is set on a device: looked up byte by byte, as the format has it. */
  public static boolean bit(SimulatedDevice device, int chunk) {
    int at = 256 + chunk / 8;
    byte[] sector = device.readNow(BITMAP_OFFSET_BYTES + at - at % 512, 512);
    return (sector[at % 512] & (1 << (chunk % 8))) != 0;
  }

  /** Whether the chunk's bit is set wherever the bitmap is, on every copy of it. */
  public boolean bit(int chunk) {
    SimulatedDevice file = bitmapFile;
    if (file != null) {
      return (file.readNow((256 + chunk / 8) / 512 * 512L, 512)[(256 + chunk / 8) % 512]
              & 1 << (chunk % 8))
          != 0;
    }
    return devices.stream().allMatch(device -> bit(device, chunk));
  }

  /** Whether it is set on any copy: that is what resync may copy. */
  public boolean anyBit(int chunk) {
    return bitmapFile != null
        ? bit(chunk)
        : devices.stream().anyMatch(device -> bit(device, chunk));
  }

  /** The members, and the bitmap's file if there is one. */
  public List<SimulatedDevice> allDevices() {
    List<SimulatedDevice> all = new ArrayList<>(devices);
    if (bitmapFile != null) {
      all.add(bitmapFile);
    }
    return all;
  }

  /** What a restart would find if power went now, or the process were killed. */
  public TestArray afterCut(long seed, boolean cacheLost) {
    SimulatedScheduler later = new SimulatedScheduler(seed);
    List<SimulatedDevice> disks = new ArrayList<>();
    for (SimulatedDevice device : devices) {
      disks.add(fork(device, seed + disks.size(), cacheLost, later));
    }
    TestArray next = new TestArray(this, later, disks);
    if (bitmapFile != null) {
      next.bitmapFile = fork(bitmapFile, seed - 1, cacheLost, later);
    }
    return next;
  }

  private static SimulatedDevice fork(
      SimulatedDevice device, long seed, boolean cacheLost, SimulatedScheduler later) {
    return cacheLost
        ? device.forkAfterPowerCut(seed, later)
        : device.forkAfterProcessKill(seed, later);
  }

  /** Assembles from all devices and starts. */
  public Mirror assemble() {
    return assemble(devices, false);
  }

  public Mirror assemble(List<SimulatedDevice> members, boolean allowDegraded) {
    Mirror assembled =
        TestAssembly.assemble(List.<BlockDevice>copyOf(members), allowDegraded, this);
    assembled.start();
    return assembled;
  }

  /** Assembles from all devices, and starts, to be read only. */
  public Mirror assembleReadOnly() {
    Mirror assembled = TestAssembly.assembleReadOnly(List.<BlockDevice>copyOf(devices), this);
    assembled.start();
    return assembled;
  }

  /** As {@link #assemble} when it must be refused. */
  public AssemblyException refusal(List<SimulatedDevice> members, boolean allowDegraded) {
    return TestAssembly.refusal(List.<BlockDevice>copyOf(members), allowDegraded, this);
  }

  /** The data of a member as a read would see it. */
  public byte[] dataOf(int slot) {
    return devices.get(slot).readNow(DATA_OFFSET_BYTES, (int) sizeBytes);
  }
}
