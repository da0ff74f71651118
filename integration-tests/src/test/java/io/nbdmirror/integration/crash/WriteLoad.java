package io.nbdmirror.integration.crash;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Random writes within a window of the device, many in flight, that go on until the server is gone.
 * Every fiftieth request is a flush.
 */
final class WriteLoad {
  private static final int DEPTH = 24;
  private static final int MOST_BLOCKS = 4;
  private static final int FLUSH_EVERY = 50;

  private final Ledger ledger;
  private final int firstBlock;
  private final int windowBlocks;
  private final SplittableRandom random;
  private final Semaphore room = new Semaphore(DEPTH);
  private final Map<Long, Range> inFlight = new ConcurrentHashMap<>();

  /** By cookie: what each flush in flight covers. */
  private final Map<Long, long[]> flushes = new ConcurrentHashMap<>();

  private final AtomicLong acknowledged = new AtomicLong();
  private final Thread sender;
  private final Thread receiver;

  private record Range(int firstBlock, int count) {}

  /** Connects and starts writing. */
  WriteLoad(Path unixSocket, Ledger ledger, int firstBlock, int windowBlocks, long seed)
      throws IOException {
    this.ledger = ledger;
    this.firstBlock = firstBlock;
    this.windowBlocks = windowBlocks;
    this.random = new SplittableRandom(seed);
    NbdConnection connection = new NbdConnection(unixSocket);
    sender = Thread.ofPlatform().name("load-send").start(() -> send(connection));
    receiver = Thread.ofPlatform().name("load-receive").start(() -> receive(connection));
  }

  /** Writes acknowledged so far. */
  long acknowledgedWrites() {
    return acknowledged.get();
  }

  /** Waits until both directions have noticed that the server is gone. */
  void awaitEnd() throws InterruptedException {
    receiver.join(20_000);
    assertThat(receiver.isAlive()).as("the load still hears the server").isFalse();
    sender.interrupt();
    sender.join(20_000);
    assertThat(sender.isAlive()).as("the load still sends").isFalse();
  }

  private void send(NbdConnection connection) {
    try {
      for (long request = 1; ; request++) {
        room.acquire();
        if (request % FLUSH_EVERY == 0) {
          flushes.put(-request, ledger.beginFlush());
          connection.sendFlush(-request);
        } else {
          sendWrite(connection);
        }
      }
    } catch (IOException | InterruptedException e) {
      // The server was killed: the end of every load.
      assertThat(e).isNotNull();
    }
  }

  private void sendWrite(NbdConnection connection) throws IOException {
    int count = random.nextInt(MOST_BLOCKS) + 1;
    int block = firstBlock + random.nextInt(windowBlocks - count + 1);
    long number = ledger.submit(block, count);
    inFlight.put(number, new Range(block, count));
    connection.sendWrite(
        number, (long) block * Ledger.BLOCK_BYTES, Ledger.content(block, count, number));
  }

  private void receive(NbdConnection connection) {
    try (connection) {
      for (; ; ) {
        long cookie = connection.receive();
        if (cookie > 0) {
          Range range = inFlight.remove(cookie);
          if (range == null) {
            throw new AssertionError("a reply to nothing: " + cookie);
          }
          ledger.acknowledge(range.firstBlock, range.count, cookie);
          acknowledged.incrementAndGet();
        } else {
          long[] covered = flushes.remove(cookie);
          if (covered == null) {
            throw new AssertionError("a reply to nothing: " + cookie);
          }
          ledger.flushed(covered);
        }
        room.release();
      }
    } catch (java.io.EOFException | java.net.SocketException e) {
      // The server was killed: the end of every load.
      assertThat(e).isNotNull();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
