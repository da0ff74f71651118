package io.nbdmirror.integration.guest;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.integration.condition.Needs;
import io.nbdmirror.integration.member.MemberImage;
import io.nbdmirror.integration.member.TwoMembers;
import io.nbdmirror.integration.process.Background;
import io.nbdmirror.integration.process.Command;
import io.nbdmirror.integration.process.RunningServer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/**
 * Two boots of one guest, because a boot under emulation is slow: the first attaches our export and
 * makes members of its own, the second assembles what we made and wrote. Between them the host does
 * its part; each test looks at one thing that came out.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Needs({
  "qemu-system-x86_64",
  "nbd-client",
  "mdadm",
  "busybox",
  "cpio",
  "depmod",
  "mkfs.ext4",
  "e2fsck",
  "debugfs",
  "nbdcopy",
  "fio"
})
class LinuxGuestTest {
  private static final long MEMBER_BYTES = 128L << 20;
  private static final int CHUNK_BYTES = 64 << 10;
  private static final int FIRST_WRITTEN_CHUNK = 96;
  private static final int WRITTEN_CHUNKS = 5;

  private Path folder;
  private TwoMembers theirs;
  private TwoMembers killed;
  private Path oursAfterStop;
  private List<Long> oursDifferingAfterStop;
  private Path theirsAsServed;
  private List<Long> theirsDifferingAfterStop;
  private BitSet dirtyAtTheKill;
  private String firstBoot;
  private String secondBoot;

  @BeforeAll
  void bootTwice(@TempDir Path temporary) throws IOException {
    folder = temporary;
    TwoMembers ours = TwoMembers.create(folder, "disk", MEMBER_BYTES);
    theirs = TwoMembers.blank(folder, "made", MEMBER_BYTES);
    try (RunningServer server = ours.serve()) {
      firstBoot =
          Guest.run(
              folder,
              "attach-and-create.sh",
              List.of("PORT=" + server.tcpPort()),
              List.of(theirs.first().file(), theirs.second().file()));
      server.stop();
    }
    ours.areClean();
    oursDifferingAfterStop = MemberImage.differingBlocks(ours.first(), ours.second(), 4096);
    oursAfterStop = dataOf(ours.second());

    theirsAsServed = folder.resolve("made.img");
    try (RunningServer server = theirs.serve()) {
      Command.of("nbdcopy", server.unixUri(), theirsAsServed).run();
      writeAFileThrough(server);
      server.stop();
    }
    theirs.areClean();
    theirsDifferingAfterStop = MemberImage.differingBlocks(theirs.first(), theirs.second(), 4096);

    killed = TwoMembers.create(folder, "killed", 32L << 20, "--bitmap-chunk", "64K");
    dirtyAtTheKill = killWhileWriting();
    secondBoot =
        Guest.run(
            folder,
            "assemble.sh",
            List.of(),
            Stream.of(ours, theirs, killed)
                .flatMap(pair -> Stream.of(pair.first().file(), pair.second().file()))
                .toList());
  }

  private void writeAFileThrough(RunningServer server) throws IOException {
    Path added = Files.writeString(folder.resolve("added"), "written through us\n");
    Path image = Files.copy(theirsAsServed, folder.resolve("changed.img"));
    Command.of("debugfs", "-w", "-R", "write " + added + " added", image).run();
    Command.of("nbdcopy", "--flush", image, server.unixUri()).run();
  }

  /**
   * Kills the server while a few chunks are being written, then makes the members differ in every
   * chunk, so that a chunk that is the same afterwards has been copied.
   */
  private BitSet killWhileWriting() throws IOException {
    try (RunningServer server = killed.serve()) {
      server.awaitQuiet();
      Command load =
          Command.of("fio", "--name=load", "--ioengine=nbd", "--uri=" + server.unixUri())
              .and("--rw=randwrite", "--bs=4k", "--iodepth=8", "--time_based", "--runtime=60")
              .and("--offset=" + FIRST_WRITTEN_CHUNK * CHUNK_BYTES)
              .and("--size=" + WRITTEN_CHUNKS * CHUNK_BYTES)
              .in(folder);
      try (Background fio = Background.start(folder, load)) {
        Awaitility.await("all chunks of the load marked, fio running: " + fio.isRunning())
            .until(() -> killed.second().dirtyChunks().cardinality() == WRITTEN_CHUNKS);
        server.kill();
      }
    }
    for (int chunk = 0; chunk < killed.first().chunks(); chunk++) {
      killed.second().damage((long) chunk * CHUNK_BYTES + 512, new byte[] {1, 2, 3});
    }
    return killed.first().dirtyChunks();
  }

  @Test
  void theKernelsClientLeavesACleanFilesystemOnIdenticalMembers() {
    assertThat(firstBoot).contains("e2fsck: 0");
    assertThat(oursDifferingAfterStop).as("differing blocks").isEmpty();
    Command.of("e2fsck", "-f", "-n", oursAfterStop).run();
    assertThat(Command.of("debugfs", "-R", "cat /folder/2", oursAfterStop).run().out())
        .isEqualTo("file 2\n");
    assertThat(sha256("/noise", oursAfterStop)).isEqualTo(noise(firstBoot, "through nbd"));
  }

  @Test
  void membersMadeByTheKernelAreServedWithTheirFilesystem() {
    Command.of("e2fsck", "-f", "-n", theirsAsServed).run();
    assertThat(sha256("/noise", theirsAsServed)).isEqualTo(noise(firstBoot, "through md"));
    assertThat(theirsDifferingAfterStop).as("differing blocks").isEmpty();
  }

  @Test
  void theKernelAssemblesWhatWeMadeWithoutAResync() {
    assertThat(secondBoot).contains("e2fsck of md0: 0");
    assertThat(noise(secondBoot, "of ours")).isEqualTo(noise(firstBoot, "through nbd"));
  }

  @Test
  void theKernelAssemblesItsOwnMembersWithWhatWeWrote() {
    assertThat(secondBoot).contains("e2fsck of md1: 0", "added: written through us");
    assertThat(noise(secondBoot, "of theirs")).isEqualTo(noise(firstBoot, "through md"));
  }

  @Test
  void afterAKillTheKernelCopiesTheMarkedChunksAndNoOthers() {
    assertThat(dirtyAtTheKill.cardinality()).isEqualTo(WRITTEN_CHUNKS);
    for (int chunk = 0; chunk < killed.first().chunks(); chunk++) {
      long offset = (long) chunk * CHUNK_BYTES;
      byte[] first = killed.first().data(offset, CHUNK_BYTES);
      byte[] second = killed.second().data(offset, CHUNK_BYTES);
      assertThat(Arrays.equals(first, second))
          .as("chunk %d is the same on both", chunk)
          .isEqualTo(dirtyAtTheKill.get(chunk));
    }
  }

  @Test
  void weServeAgainWhatTheKernelWroteSince() throws IOException {
    Path image = folder.resolve("again.img");
    try (RunningServer server = theirs.serve()) {
      Command.of("nbdcopy", server.unixUri(), image).run();
      server.stop();
    }
    assertThat(Command.of("debugfs", "-R", "cat /again", image).run().out())
        .isEqualTo("written by the kernel again\n");
    theirs.areIdentical();
  }

  private Path dataOf(MemberImage member) throws IOException {
    Path data = folder.resolve("data.img");
    try (var out = Files.newOutputStream(data)) {
      for (long offset = 0; offset < member.dataBytes(); offset += CHUNK_BYTES) {
        int length = (int) Math.min(CHUNK_BYTES, member.dataBytes() - offset);
        out.write(member.data(offset, length));
      }
    }
    return data;
  }

  private String sha256(String file, Path image) {
    Path dumped = folder.resolve("dumped");
    Command.of("debugfs", "-R", "dump " + file + " " + dumped, image).run();
    return Command.of("sha256sum", dumped).run().out().substring(0, 64);
  }

  private static String noise(String console, String where) {
    Matcher matcher =
        Pattern.compile("noise " + Pattern.quote(where) + ": ([0-9a-f]{64})").matcher(console);
    assertThat(matcher.find()).as("checksum '%s' in:%n%s", where, console).isTrue();
    return matcher.group(1);
  }
}
