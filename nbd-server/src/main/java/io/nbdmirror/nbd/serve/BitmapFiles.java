package io.nbdmirror.nbd.serve;

import io.nbdmirror.bitmap.format.BitmapSuperblock;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Scheduler;
import io.nbdmirror.io.engine.IoEngine;
import io.nbdmirror.io.held.HeldFile;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;

/** Tells which array each bitmap file belongs to. Blocks, so it must not be called on a loop. */
final class BitmapFiles {
  private BitmapFiles() {}

  /**
   * Reads the UUID that each file carries, whoever else uses it; writes nothing.
   *
   * @param arrays UUID and name of those that are to be served
   * @return paths by UUID
   * @throws StartException when one is no bitmap, belongs to none of the arrays, or to one that
   *     another was given for
   */
  static Map<UUID, String> identify(
      List<String> paths, Map<UUID, String> arrays, Scheduler loop, IoEngine engine)
      throws StartException, InterruptedException {
    Map<UUID, String> byArray = new HashMap<>();
    for (String path : paths) {
      UUID uuid = uuidIn(path, loop, engine);
      if (!arrays.containsKey(uuid)) {
        throw new StartException(
            "the bitmap file %s belongs to array %s, and none of the members given does"
                .formatted(path, uuid));
      }
      String other = byArray.putIfAbsent(uuid, path);
      if (other != null) {
        throw new StartException(
            "%s and %s both are bitmap files of array %s: give the one it was served with last"
                .formatted(other, path, arrays.get(uuid)));
      }
    }
    return byArray;
  }

  private static UUID uuidIn(String path, Scheduler loop, IoEngine engine)
      throws StartException, InterruptedException {
    HeldFile file;
    try {
      file = HeldFile.openReadOnly(path, loop, engine);
    } catch (DeviceException e) {
      throw new StartException(e);
    }
    CompletableFuture<BitmapSuperblock> answer = new CompletableFuture<>();
    loop.execute(() -> readHead(file, answer));
    try {
      BitmapSuperblock superblock = answer.get();
      if (superblock.magic() != BitmapSuperblock.MAGIC) {
        throw new StartException(path + " is no bitmap file: it lacks a bitmap's magic number");
      }
      return superblock.uuid();
    } catch (ExecutionException e) {
      throw new StartException(e.getCause() == null ? e : e.getCause());
    } finally {
      loop.execute(file::close);
    }
  }

  private static void readHead(HeldFile file, CompletableFuture<BitmapSuperblock> answer) {
    if (file.sizeBytes() < BitmapSuperblock.BYTES) {
      answer.completeExceptionally(
          new StartException(
              "%s is no bitmap file: it has %d bytes".formatted(file.path(), file.sizeBytes())));
      return;
    }
    ByteBuf head = Unpooled.directBuffer(BitmapSuperblock.BYTES, BitmapSuperblock.BYTES);
    file.read(
        0,
        head,
        0,
        BitmapSuperblock.BYTES,
        failure -> {
          ByteBuffer copy = ByteBuffer.allocate(BitmapSuperblock.BYTES);
          head.getBytes(0, copy);
          head.release();
          if (failure == null) {
            answer.complete(BitmapSuperblock.wrap(copy.flip()));
          } else {
            answer.completeExceptionally(failure);
          }
        });
  }
}
