package io.nbdmirror.nbd.cli;

import io.nbdmirror.bitmap.format.BitmapSuperblock;
import io.nbdmirror.bitmap.format.StoredBitmap;
import io.nbdmirror.io.engine.PoolEngine;
import io.nbdmirror.io.held.HeldFile;
import io.nbdmirror.io.loop.EventLoopScheduler;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.DefaultEventLoop;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;

/**
 * Reads a bitmap that fills a file of its own, which ends with the last byte of bits, not with a
 * block. It is read past the page cache, which knows nothing of what a server writes to the file's
 * raw block offsets. Blocks.
 */
final class BitmapFile implements AutoCloseable {
  private static final int PIECE_BYTES = 1 << 20;

  private final DefaultEventLoop eventLoop = new DefaultEventLoop();
  private final HeldFile file;

  private BitmapFile(String path) throws IOException {
    boolean done = false;
    try {
      file = HeldFile.openReadOnly(path, new EventLoopScheduler(eventLoop), new PoolEngine());
      done = true;
    } finally {
      if (!done) {
        end();
      }
    }
  }

  /**
   * @throws CommandException when the file holds no bitmap
   */
  static StoredBitmap read(String path) throws IOException, CommandException, InterruptedException {
    try (BitmapFile file = new BitmapFile(path)) {
      return file.read();
    }
  }

  private StoredBitmap read() throws IOException, CommandException, InterruptedException {
    long size = file.sizeBytes();
    if (size < BitmapSuperblock.BYTES) {
      throw notOne("it has %d bytes".formatted(size));
    }
    ByteBuffer first = read(0, (int) Math.min(size, PIECE_BYTES));
    BitmapSuperblock superblock = BitmapSuperblock.wrap(first);
    String problem = superblock.problem();
    if (problem != null) {
      throw notOne(problem);
    }
    StoredBitmap bitmap = new StoredBitmap(superblock);
    bitmap.add(first.position(BitmapSuperblock.BYTES));
    long end = Math.min(size, bitmap.geometry().storedBytes());
    for (long at = PIECE_BYTES; at < end; at += PIECE_BYTES) {
      bitmap.add(read(at, (int) Math.min(end - at, PIECE_BYTES)));
    }
    return bitmap;
  }

  private CommandException notOne(String why) {
    return new CommandException(
        "%s is neither a member of an array nor a bitmap file: %s".formatted(file.path(), why));
  }

  private ByteBuffer read(long offset, int length) throws IOException, InterruptedException {
    ByteBuf buffer = Unpooled.directBuffer(length, length);
    CompletableFuture<Boolean> done = new CompletableFuture<>();
    eventLoop.execute(() ->
        file.read(
            offset,
            buffer,
            0,
            length,
            failure -> {
              if (failure == null) {
                done.complete(true);
              } else {
                done.completeExceptionally(failure);
              }
            }));
    try {
      done.get();
      ByteBuffer bytes = ByteBuffer.allocate(length);
      buffer.getBytes(0, bytes);
      return bytes.flip();
    } catch (ExecutionException e) {
      throw e.getCause() instanceof IOException failure ? failure : new IOException(e);
    } finally {
      buffer.release();
    }
  }

  private void end() {
    eventLoop.shutdownGracefully(0, 0, TimeUnit.SECONDS).syncUninterruptibly();
  }

  @Override
  public void close() {
    eventLoop.submit(file::close).syncUninterruptibly();
    end();
  }
}
