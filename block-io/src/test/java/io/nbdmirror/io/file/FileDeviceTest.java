package io.nbdmirror.io.file;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.nbdmirror.io.Completion;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.io.Extent;
import io.nbdmirror.io.engine.PoolEngine;
import io.nbdmirror.io.engine.ScriptedCalls;
import io.nbdmirror.io.loop.EventLoopScheduler;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.EventLoop;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A device over a real file, with the system calls as they are or as a test has them fail. */
class FileDeviceTest {
  private static final int SIZE = 4 << 20;

  private final MultiThreadIoEventLoopGroup group =
      new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());
  private final EventLoopScheduler loop = new EventLoopScheduler((EventLoop) group.next());
  private final ScriptedCalls script = new ScriptedCalls();

  @TempDir private Path folder;
  private Path path;

  @BeforeEach
  void makeFile() throws IOException {
    path = folder.resolve("member.img");
    try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
      file.setLength(SIZE);
    }
  }

  @AfterEach
  void stop() {
    group.shutdownGracefully(0, 5, TimeUnit.SECONDS).awaitUninterruptibly();
  }

  @ParameterizedTest
  @CsvSource({"512, false", "4096, false", "4096, true", "512, true", "1048576, false"})
  void whatIsWrittenIsReadBackAndIsInTheFile(int length, boolean fua) throws Exception {
    FileDevice device = open();
    byte[] data = pattern(length);
    assertThat(write(device, 8192, data, fua)).isNull();
    assertThat(read(device, 8192, length)).isEqualTo(data);
    byte[] file = Files.readAllBytes(path);
    assertThat(Arrays.copyOfRange(file, 8192, 8192 + length)).isEqualTo(data);
    close(device);
  }

  @Test
  void durableAndPlainWritesOfOnePageSeeEachOther() throws Exception {
    FileDevice device = open();
    for (int i = 0; i < 50; i++) {
      byte[] data = pattern(512 + i);
      byte[] sector = Arrays.copyOf(data, 512);
      assertThat(write(device, i * 512L, sector, i % 2 == 0)).isNull();
      assertThat(read(device, i * 512L, 512)).isEqualTo(sector);
    }
    assertThat(Arrays.copyOf(Files.readAllBytes(path), 50 * 512))
        .isEqualTo(read(device, 0, 50 * 512));
    close(device);
  }

  @Test
  void whatTheFileGrewIsUsedOnceSomebodySaysSo() throws Exception {
    FileDevice device = open();
    try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
      file.setLength(2 * SIZE + 100);
    }
    assertThat(device.sizeBytes()).isEqualTo(SIZE);
    assertThat(refreshed(device)).as("whole blocks").isEqualTo(2 * SIZE);
    assertThat(write(device, 2 * SIZE - 512, pattern(512), false)).isNull();
    try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
      file.setLength(SIZE);
    }
    assertThat(refreshed(device)).as("cut short, which reads will tell").isEqualTo(2 * SIZE);
    close(device);
  }

  private long refreshed(FileDevice device) throws Exception {
    CompletableFuture<Long> size = new CompletableFuture<>();
    loop.execute(() -> {
      try {
        size.complete(device.refreshSize());
      } catch (DeviceException e) {
        size.completeExceptionally(e);
      }
    });
    return size.get(10, TimeUnit.SECONDS);
  }

  @Test
  void zeroesAndDiscardsReadAsZeroesAndTheRestStays() throws Exception {
    FileDevice device = open();
    write(device, 0, pattern(65536), false);
    assertThat(request(device, done -> device.writeZeroes(4096, 8192, false, true, done))).isNull();
    assertThat(request(device, done -> device.discard(32768, 16384, false, done))).isNull();
    byte[] read = read(device, 0, 65536);
    assertThat(Arrays.copyOfRange(read, 4096, 12288)).containsOnly(0);
    assertThat(Arrays.copyOfRange(read, 32768, 49152)).containsOnly(0);
    assertThat(Arrays.copyOf(read, 4096)).isEqualTo(Arrays.copyOf(pattern(65536), 4096));
    assertThat(read[49152]).isEqualTo(pattern(65536)[49152]);
    close(device);
  }

  @Test
  void wherePunchingIsNotSupportedZeroesAreWritten() throws Exception {
    script.next("fallocate", 0, -Errno.EOPNOTSUPP, -Errno.EOPNOTSUPP);
    FileDevice device = open();
    write(device, 0, pattern(65536), false);
    assertThat(request(device, done -> device.discard(0, 65536, false, done))).isNull();
    assertThat(read(device, 0, 65536)).containsOnly(0);
    close(device);
  }

  @Test
  void holesAreListed() throws Exception {
    FileDevice device = open();
    write(device, 1 << 20, pattern(65536), true);
    CompletableFuture<List<Extent>> extents = new CompletableFuture<>();
    loop.execute(() -> device.extents(0, SIZE, (found, failure) -> extents.complete(found)));
    assertThat(extents.get(10, TimeUnit.SECONDS))
        .containsExactly(
            new Extent(0, 1 << 20, true),
            new Extent(1 << 20, 65536, false),
            new Extent((1 << 20) + 65536, SIZE - (1 << 20) - 65536, true));
    close(device);
  }

  @Test
  void noMoreExtentsAreLookedForThanAreAskedFor() throws Exception {
    FileDevice device = open();
    for (int i = 0; i < 20; i++) {
      write(device, i * 131_072L, pattern(65536), true);
    }
    CompletableFuture<List<Extent>> extents = new CompletableFuture<>();
    loop.execute(() -> device.extents(0, SIZE, 3, (found, failure) -> extents.complete(found)));
    assertThat(extents.get(10, TimeUnit.SECONDS))
        .containsExactly(
            new Extent(0, 65536, false),
            new Extent(65536, 65536, true),
            new Extent(131_072, 65536, false));
    assertThat(script.made().stream().filter("seek"::equals).count()).isLessThan(6);
    close(device);
  }

  @Test
  void readAheadIsLeftToTheKernelAndFailsOnlyIfTheDeviceDoes() throws Exception {
    FileDevice device = open();
    assertThat(request(device, done -> device.readAhead(1, 100_000, done))).isNull();
    assertThat(script.made()).contains("fadvise");
    script.next("fadvise", -Errno.EINVAL, -Errno.EIO);
    assertThat(request(device, done -> device.readAhead(1, 100_000, done))).isNull();
    DeviceException failure = request(device, done -> device.readAhead(1, 100_000, done));
    assertThat(failure).isNotNull().hasMessageContaining("read ahead");
    close(device);
  }

  @ParameterizedTest
  @ValueSource(strings = {"1000,2000,500", "-4,3000,-4,-4", "1,1,1"})
  void interruptedAndPartialWritesAreGoneOnWith(String results) throws Exception {
    script.next("pwrite", longs(results));
    FileDevice device = open();
    byte[] data = pattern(65536);
    assertThat(write(device, 0, data, false)).isNull();
    assertThat(read(device, 0, 65536)).isEqualTo(data);
    close(device);
  }

  @ParameterizedTest
  @ValueSource(strings = {"1000,2000,500", "-4,3000,-4,-4", "1,1,1"})
  void interruptedAndPartialReadsAreGoneOnWith(String results) throws Exception {
    byte[] data = pattern(65536);
    Files.write(path, Arrays.copyOf(data, SIZE));
    script.next("preadNoWait", -Errno.EAGAIN).next("pread", longs(results));
    FileDevice device = open();
    assertThat(read(device, 0, 65536)).isEqualTo(data);
    close(device);
  }

  @Test
  void aReadThatIsPartlyCachedIsFinishedByAWorker() throws Exception {
    byte[] data = pattern(65536);
    Files.write(path, Arrays.copyOf(data, SIZE));
    script.next("preadNoWait", 20_000);
    FileDevice device = open();
    assertThat(read(device, 0, 65536)).isEqualTo(data);
    assertThat(script.made()).containsSubsequence("preadNoWait", "pread");
    close(device);
  }

  @Test
  void aWriteThatIsOnlyACopyIsDoneOnTheLoop() throws Exception {
    FileDevice device = open();
    CompletableFuture<Boolean> inline = new CompletableFuture<>();
    loop.execute(() -> {
      boolean[] done = new boolean[1];
      device.write(0, direct(pattern(4096)), 0, 4096, false, failure -> done[0] = true);
      inline.complete(done[0]);
    });
    assertThat(inline.get(10, TimeUnit.SECONDS)).isTrue();
    close(device);
  }

  @ParameterizedTest
  @CsvSource({
    "pwrite, write, 5, Input/output error",
    "pwrite, write, 28, No space left on device",
    "fdatasync, flush, 5, Input/output error"
  })
  void anErrorNamesWhatWhereAndWhy(String call, String operation, int errno, String reason)
      throws Exception {
    script.next(call, -errno);
    FileDevice device = open();
    DeviceException failure =
        operation.equals("flush")
            ? request(device, device::flush)
            : write(device, 8192, pattern(4096), false);
    assertThat(failure).isNotNull();
    assertThat(failure.errno()).isEqualTo(errno);
    assertThat(failure).hasMessageContaining(path.toString()).hasMessageContaining(reason);
    if (!operation.equals("flush")) {
      assertThat(failure).hasMessageContaining("cannot write 4096 bytes at offset 8192");
    }
    close(device);
  }

  @Test
  void aFileThatWasCutShortIsAnErrorAndNotZeroes() throws Exception {
    FileDevice device = open();
    try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
      file.setLength(1 << 20);
    }
    CompletableFuture<DeviceException> answer = new CompletableFuture<>();
    ByteBuf buffer = Unpooled.directBuffer(4096, 4096);
    loop.execute(() -> device.read(2 << 20, buffer, 0, 4096, answer::complete));
    assertThat(answer.get(10, TimeUnit.SECONDS))
        .hasMessageContaining("cut short")
        .extracting(DeviceException::errno)
        .isEqualTo(Errno.EIO);
    close(device);
  }

  @Test
  void aSecondOpeningIsRefusedByNameAndLeavesTheFirstAlone() throws Exception {
    FileDevice device = open();
    assertThatThrownBy(this::open)
        .isInstanceOf(DeviceException.class)
        .hasMessageContaining(path.toString())
        .hasMessageContaining("by process " + ProcessHandle.current().pid());
    assertThat(write(device, 0, pattern(512), false)).isNull();
    close(device);
    close(open());
  }

  @Test
  void aFileThatAnotherProgramWritesIsRefusedByName() throws Exception {
    Process other =
        new ProcessBuilder("sh", "-c", "exec 3<>'" + path + "'; echo open; read line")
            .redirectErrorStream(true)
            .start();
    assertThat(other.inputReader().readLine()).isEqualTo("open");
    assertThatThrownBy(this::open)
        .isInstanceOf(DeviceException.class)
        .hasMessageContaining("is open for writing by process " + other.pid() + " (sh)");
    other.destroy();
    other.waitFor();
    close(open());
  }

  @Test
  void readingOnlyDisturbsNobodyAndRefusesToWrite() throws Exception {
    FileDevice writer = open();
    FileDevice reader =
        new FileDevice(
            new FileOpening(script.calls()).open(path.toString(), Access.READ_ONLY, false),
            loop,
            new PoolEngine());
    assertThat(read(reader, 0, 4096)).containsOnly(0);
    DeviceException refusal = write(reader, 0, pattern(512), false);
    assertThat(refusal).isNotNull();
    assertThat(refusal.errno()).isEqualTo(Errno.EPERM);
    closeWithoutWaiting(reader);
    close(writer);
  }

  @Test
  void whatHoldsNoBlocksIsRefusedInASentence() {
    assertThatThrownBy(() -> opening(folder.toString()))
        .hasMessage(folder + " is a directory, not a regular file or a block device");
    assertThatThrownBy(() -> opening("/dev/null")).hasMessageContaining("is a special file");
    assertThatThrownBy(() -> opening(folder + "/none"))
        .hasMessage("cannot open " + folder + "/none: No such file or directory");
  }

  @ParameterizedTest
  @CsvSource({"100, 512", "0, 100", "4194304, 512", "-512, 512"})
  void requestsOutsideOrUnalignedAreTheCallersMistake(long offset, int length) throws Exception {
    FileDevice device = open();
    CompletableFuture<Boolean> thrown = new CompletableFuture<>();
    loop.execute(() -> {
      try {
        device.read(offset, direct(new byte[1024]), 0, length, failure -> {});
        thrown.complete(false);
      } catch (IllegalArgumentException e) {
        thrown.complete(true);
      }
    });
    assertThat(thrown.get(10, TimeUnit.SECONDS)).isTrue();
    close(device);
  }

  private FileDevice open() throws DeviceException {
    return opening(path.toString());
  }

  private FileDevice opening(String name) throws DeviceException {
    return new FileDevice(
        new FileOpening(script.calls()).open(name, Access.EXCLUSIVE, false),
        loop,
        new PoolEngine());
  }

  private void close(FileDevice device) throws Exception {
    closeWithoutWaiting(device);
    // The descriptors go with the last worker.
    await().until(() -> !isOpen());
  }

  private void closeWithoutWaiting(FileDevice device) throws Exception {
    CompletableFuture<Void> closed = new CompletableFuture<>();
    loop.execute(() -> {
      device.close();
      closed.complete(null);
    });
    closed.get(10, TimeUnit.SECONDS);
  }

  private boolean isOpen() throws IOException {
    try (var descriptors = Files.list(Path.of("/proc/self/fd"))) {
      return descriptors.anyMatch(fd -> {
        try {
          return Files.readSymbolicLink(fd).equals(path);
        } catch (IOException closedMeanwhile) {
          return false;
        }
      });
    }
  }

  private @Nullable DeviceException request(FileDevice device, Consumer<Completion> what)
      throws Exception {
    CompletableFuture<@Nullable DeviceException> answer = new CompletableFuture<>();
    assertThat(device.sizeBytes()).isGreaterThanOrEqualTo(SIZE);
    loop.execute(() -> what.accept(answer::complete));
    return answer.get(10, TimeUnit.SECONDS);
  }

  private @Nullable DeviceException write(FileDevice device, long offset, byte[] data, boolean fua)
      throws Exception {
    ByteBuf buffer = direct(data);
    return request(device, done -> device.write(offset, buffer, 0, data.length, fua, done));
  }

  private byte[] read(FileDevice device, long offset, int length) throws Exception {
    ByteBuf buffer = Unpooled.directBuffer(length, length);
    assertThat(request(device, done -> device.read(offset, buffer, 0, length, done))).isNull();
    byte[] data = new byte[length];
    buffer.getBytes(0, data);
    return data;
  }

  private static ByteBuf direct(byte[] data) {
    return Unpooled.directBuffer(data.length, data.length).writeBytes(data);
  }

  private static byte[] pattern(int length) {
    byte[] data = new byte[length];
    new SplittableRandom(length).nextBytes(data);
    return data;
  }

  private static long[] longs(String text) {
    return Arrays.stream(text.split(",", -1)).mapToLong(Long::parseLong).toArray();
  }
}
