package io.nbdmirror.raid.creation;

import io.nbdmirror.io.BlockDevice;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Scheduler;
import io.nbdmirror.raid.superblock.MdSuperblock;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Makes a new array. Every member passes every check before the first byte of any is written; then
 * all bitmaps become durable before the first superblock is written, so that whatever a crash
 * leaves behind is no array, or one whose bitmap is whole.
 */
public final class ArrayCreation {
  /**
   * A device that is to be a member.
   *
   * @param writeMostly reads shall avoid it
   */
  public record NewMember(BlockDevice device, boolean writeMostly) {}

  /** Told once, on the loop; exactly one of the two is not null. */
  @FunctionalInterface
  public interface Completion {
    void completed(@Nullable ArrayLayout layout, @Nullable CreationException failure);
  }

  private final NewArray array;
  private final List<@Nullable NewMember> slots;
  private final boolean force;
  private final Scheduler loop;
  private final Completion done;
  private final Map<BlockDevice, List<Signature>> carried = new LinkedHashMap<>();

  private ArrayCreation(
      NewArray array,
      List<@Nullable NewMember> slots,
      boolean force,
      Scheduler loop,
      Completion done) {
    this.array = array;
    this.slots = new ArrayList<>(slots);
    this.force = force;
    this.loop = loop;
    this.done = done;
  }

  /**
   * Makes the array. Called on {@code loop}; the devices stay the caller's.
   *
   * @param slots a member for each slot; null where one is missing
   * @param force take members that already carry something; what would be mistaken for it later is
   *     erased
   */
  public static void create(
      NewArray array,
      List<@Nullable NewMember> slots,
      boolean force,
      Scheduler loop,
      Completion done) {
    new ArrayCreation(array, slots, force, loop, done).check();
  }

  private void check() {
    try {
      array.check();
      if (slots.size() != array.deviceUuids().size()) {
        throw new IllegalArgumentException("as many device UUIDs as slots are needed");
      }
      List<ArrayLayout.Device> devices = new ArrayList<>();
      for (NewMember member : members()) {
        devices.add(new ArrayLayout.Device(member.device().path(), sectorsOf(member)));
        requireSuitableBlocks(member.device());
      }
      if (devices.isEmpty()) {
        throw new CreationException("every member is missing: give at least one that exists");
      }
      ArrayLayout layout = ArrayLayout.of(array, devices);
      probe(layout, members(), 0);
    } catch (CreationException e) {
      done.completed(null, e);
    }
  }

  private static void requireSuitableBlocks(BlockDevice device) throws CreationException {
    if (device.blockBytes() > MdSuperblock.BYTES) {
      throw new CreationException(
          "%s has blocks of %d bytes, and a member's may be at most %d"
              .formatted(device.path(), device.blockBytes(), MdSuperblock.BYTES));
    }
  }

  private List<NewMember> members() {
    List<NewMember> present = new ArrayList<>();
    for (NewMember member : slots) {
      if (member != null) {
        present.add(member);
      }
    }
    return present;
  }

  private static long sectorsOf(NewMember member) {
    return member.device().sizeBytes() / MdSuperblock.SECTOR_BYTES;
  }

  private void probe(ArrayLayout layout, List<NewMember> members, int next) {
    if (next == members.size()) {
      refuseOrWrite(layout);
      return;
    }
    BlockDevice device = members.get(next).device();
    SignatureProbe.probe(
        device,
        (found, failure) -> {
          if (failure != null) {
            done.completed(null, new CreationException(String.valueOf(failure.getMessage())));
          } else {
            carried.put(device, found);
            probe(layout, members, next + 1);
          }
        });
  }

  private void refuseOrWrite(ArrayLayout layout) {
    List<String> refusals = new ArrayList<>();
    if (!force) {
      carried.forEach((device, found) -> {
        for (Signature signature : found) {
          refusals.add(
              "%s carries %s at byte %d"
                  .formatted(device.path(), signature.what(), signature.offsetBytes()));
        }
      });
    }
    if (refusals.isEmpty()) {
      write(layout);
    } else {
      done.completed(
          null,
          new CreationException(
              "%s: nothing was written; --force makes an array of it all the same"
                  .formatted(String.join(", ", refusals))));
    }
  }

  private void write(ArrayLayout layout) {
    boolean[] present = new boolean[slots.size()];
    for (int slot = 0; slot < present.length; slot++) {
      present[slot] = slots.get(slot) != null;
    }
    NewSuperblocks superblocks = new NewSuperblocks(array, layout, present, loop.wallClockMicros());
    WriteSequence before = new WriteSequence();
    WriteSequence last = new WriteSequence();
    for (int slot = 0; slot < present.length; slot++) {
      NewMember member = slots.get(slot);
      if (member == null) {
        continue;
      }
      BlockDevice device = member.device();
      MdSuperblock superblock = superblocks.ofMember(slot, sectorsOf(member), member.writeMostly());
      eraseCarried(before, device, layout);
      writeAround(before, device, superblock, superblocks, layout);
      last.write(device, superblock.superOffset() * 512, superblockBytes(superblock, device));
    }
    before.run((begun, failure) -> {
      if (failure != null) {
        failed(failure, "no member has a superblock yet", begun);
      } else {
        last.run((named, problem) -> finished(layout, named, problem));
      }
    });
  }

  /** md's old superblocks wherever they are; others only where no data of the array will be. */
  private void eraseCarried(WriteSequence writes, BlockDevice device, ArrayLayout layout) {
    long dataBytes = layout.dataOffset() * MdSuperblock.SECTOR_BYTES;
    long dataEndBytes = dataBytes + layout.size() * MdSuperblock.SECTOR_BYTES;
    for (Signature signature : carried.getOrDefault(device, List.of())) {
      boolean inData = signature.offsetBytes() < dataEndBytes && signature.endBytes() > dataBytes;
      if (signature.isMd() || !inData) {
        writes.erase(device, signature.offsetBytes(), signature.lengthBytes());
      }
    }
  }

  /** An empty bad-block log and the bitmap. */
  private static void writeAround(
      WriteSequence writes,
      BlockDevice device,
      MdSuperblock superblock,
      NewSuperblocks superblocks,
      ArrayLayout layout) {
    long start = superblock.superOffset();
    writes.zero(
        device,
        (start + superblock.bblogOffset()) * MdSuperblock.SECTOR_BYTES,
        (long) superblock.bblogSize() * MdSuperblock.SECTOR_BYTES);
    if (layout.hasBitmap()) {
      long bitmapBytes = (start + superblock.bitmapOffset()) * MdSuperblock.SECTOR_BYTES;
      writes.write(device, bitmapBytes, superblocks.bitmap());
    }
    writes.flush(device);
  }

  private static byte[] superblockBytes(MdSuperblock superblock, BlockDevice device) {
    int block = device.blockBytes();
    int length = (superblock.usedBytes() + block - 1) / block * block;
    byte[] bytes = new byte[length];
    superblock.copyTo(ByteBuffer.wrap(bytes), 0, length);
    return bytes;
  }

  private void finished(ArrayLayout layout, Set<String> named, @Nullable DeviceException failure) {
    if (failure != null) {
      failed(failure, "superblocks were written to", named);
    } else {
      done.completed(layout, null);
    }
  }

  private void failed(DeviceException failure, String soFar, Set<String> begun) {
    done.completed(
        null,
        new CreationException(
            "%s; the array was not made: %s (%s); clear them with: nbdmirror zero-superblock MEMBER"
                .formatted(failure.getMessage(), soFar, String.join(", ", begun))));
  }
}
