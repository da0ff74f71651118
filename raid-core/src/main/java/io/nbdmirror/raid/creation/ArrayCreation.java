package io.nbdmirror.raid.creation;

import io.nbdmirror.io.BlockDevice;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.raid.bitmap.NewBitmap;
import io.nbdmirror.raid.superblock.MdSuperblock;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Makes an array of opened devices, writing what {@code mdadm --create} writes. Every device is
 * looked at before a byte of any is written. Then, on all devices, what is left of earlier arrays
 * goes, the bitmap and the room of the bad-block log come, and that of the data if it is to be
 * taken beforehand; the superblocks, which make members of them, come last. Each write is durable
 * before the next. Used on the devices' loop; it neither opens nor closes them.
 */
public final class ArrayCreation {
  /**
   * What is to take a slot.
   *
   * @param device null when the slot stays empty
   * @param writeMostly reads shall avoid it
   */
  public record Slot(@Nullable BlockDevice device, boolean writeMostly) {}

  /** Told once; exactly one of the two is not null. */
  @FunctionalInterface
  public interface Completion {
    /**
     * Takes the outcome.
     *
     * @param failure a {@link CreationException}, nothing having been written, or a {@link
     *     DeviceException}
     */
    void completed(@Nullable ArrayLayout layout, @Nullable Exception failure);
  }

  private static final int SECTOR_BYTES = MdSuperblock.SECTOR_BYTES;

  private final NewArray array;
  private final List<Slot> slots;
  private final boolean force;
  private final boolean preallocate;
  private final long createdMicros;
  private final Completion done;
  private final List<BlockDevice> devices = new ArrayList<>();
  private final List<List<Signature>> found = new ArrayList<>();

  private ArrayCreation(
      NewArray array,
      List<Slot> slots,
      boolean force,
      boolean preallocate,
      long createdMicros,
      Completion done) {
    this.array = array;
    this.slots = List.copyOf(slots);
    this.force = force;
    this.preallocate = preallocate;
    this.createdMicros = createdMicros;
    this.done = done;
    slots.stream().map(Slot::device).forEach(this::addPresent);
  }

  /**
   * Makes the array.
   *
   * @param slots as many as the array has device UUIDs, in order; at least one with a device
   * @param force overwrite devices that already carry something
   * @param preallocate take the room of all data from the storage below, and zero it
   * @param createdMicros the time since 1970 that the superblocks give
   */
  public static void create(
      NewArray array,
      List<Slot> slots,
      boolean force,
      boolean preallocate,
      long createdMicros,
      Completion done) {
    new ArrayCreation(array, slots, force, preallocate, createdMicros, done).start();
  }

  /**
   * The bitmap of an array that is to have it in a file, which is for the caller to make before the
   * array is made.
   *
   * @throws CreationException when there can be no such array
   */
  public static NewBitmap bitmapFor(NewArray array, List<Slot> slots) throws CreationException {
    ArrayCreation creation =
        new ArrayCreation(array, slots, false, false, 0, (layout, failure) -> {});
    array.check();
    return array.newBitmap(creation.layout());
  }

  private void addPresent(@Nullable BlockDevice device) {
    if (device != null) {
      devices.add(device);
    }
  }

  private void start() {
    try {
      array.check();
      if (slots.size() != array.deviceUuids().size()) {
        throw new IllegalArgumentException("each slot needs a UUID, and each UUID a slot");
      }
      ArrayLayout layout = layout();
      probe(layout, 0);
    } catch (CreationException e) {
      done.completed(null, e);
    }
  }

  private ArrayLayout layout() throws CreationException {
    if (devices.isEmpty()) {
      throw new CreationException("all members are missing: at least one must be there");
    }
    List<ArrayLayout.Device> sizes = new ArrayList<>();
    for (BlockDevice device : devices) {
      if (MdSuperblock.BYTES % device.blockBytes() != 0) {
        throw new CreationException(
            "%s has blocks of %d bytes, and a member's may have %d at most"
                .formatted(device.path(), device.blockBytes(), MdSuperblock.BYTES));
      }
      sizes.add(new ArrayLayout.Device(device.path(), sectors(device)));
    }
    return ArrayLayout.of(array, sizes);
  }

  private void probe(ArrayLayout layout, int index) {
    if (index == devices.size()) {
      write(layout);
      return;
    }
    BlockDevice device = devices.get(index);
    SignatureProbe.probe(
        device,
        (signatures, failure) -> {
          if (failure != null) {
            done.completed(null, failure);
          } else if (!signatures.isEmpty() && !force) {
            done.completed(null, occupied(device, signatures));
          } else {
            found.add(signatures);
            probe(layout, index + 1);
          }
        });
  }

  private static CreationException occupied(BlockDevice device, List<Signature> signatures) {
    String carried =
        signatures.stream().map(Signature::what).distinct().collect(Collectors.joining(", "));
    return new CreationException(
        "%s already carries %s: give --force to overwrite it".formatted(device.path(), carried));
  }

  private void write(ArrayLayout layout) {
    boolean[] present = new boolean[slots.size()];
    for (int slot = 0; slot < present.length; slot++) {
      present[slot] = slots.get(slot).device() != null;
    }
    NewSuperblocks superblocks = new NewSuperblocks(array, layout, present, createdMicros);
    Overwrites room = new Overwrites();
    Overwrites labels = new Overwrites();
    int index = 0;
    for (int slot = 0; slot < present.length; slot++) {
      BlockDevice device = slots.get(slot).device();
      if (device != null) {
        wipe(device, found.get(index++), room);
        makeRoom(device, layout, superblocks, room);
        if (preallocate) {
          room.zeroes(device, layout.dataOffset() * SECTOR_BYTES, layout.sizeBytes());
        }
        label(device, layout, superblocks, slot, labels);
      }
    }
    room.run(failure -> {
      if (failure == null) {
        labels.run(late -> labelled(layout, late, labels.written()));
      } else {
        done.completed(null, failure);
      }
    });
  }

  private void labelled(ArrayLayout layout, @Nullable DeviceException failure, int members) {
    if (failure == null) {
      done.completed(layout, null);
    } else if (members == 0) {
      done.completed(null, failure);
    } else {
      String made =
          devices.subList(0, members).stream()
              .map(BlockDevice::path)
              .collect(Collectors.joining(" "));
      done.completed(
          null,
          new DeviceException(
              failure.errno(),
              "%s; members made so far: clear them with 'nbdmirror zero-superblock %s'"
                  .formatted(failure.getMessage(), made)));
    }
  }

  /** An older array's superblock, wherever its version put it, could be taken for the member's. */
  private static void wipe(BlockDevice device, List<Signature> found, Overwrites overwrites) {
    for (Signature signature : found) {
      if (signature.md()) {
        overwrites.zeroes(device, signature.offsetBytes(), signature.lengthBytes());
      }
    }
  }

  private static void makeRoom(
      BlockDevice device, ArrayLayout layout, NewSuperblocks superblocks, Overwrites overwrites) {
    ArrayLayout.OfMember own = layout.onDevice(sectors(device));
    long superBytes = own.superOffset() * SECTOR_BYTES;
    if (layout.hasBitmap()) {
      overwrites.bytes(
          device, superBytes + (long) layout.bitmapOffset() * SECTOR_BYTES, superblocks.bitmap());
    }
    if (own.bblogSize() > 0) {
      overwrites.zeroes(
          device,
          superBytes + (long) own.bblogOffset() * SECTOR_BYTES,
          (long) own.bblogSize() * SECTOR_BYTES);
    }
  }

  private void label(
      BlockDevice device,
      ArrayLayout layout,
      NewSuperblocks superblocks,
      int slot,
      Overwrites overwrites) {
    byte[] superblock = new byte[MdSuperblock.BYTES];
    superblocks
        .ofMember(slot, sectors(device), slots.get(slot).writeMostly())
        .copyTo(ByteBuffer.wrap(superblock), 0, superblock.length);
    overwrites.bytes(
        device, layout.onDevice(sectors(device)).superOffset() * SECTOR_BYTES, superblock);
  }

  private static long sectors(BlockDevice device) {
    return device.sizeBytes() / SECTOR_BYTES;
  }
}
