package io.nbdmirror.integration.lifecycle;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.integration.member.TwoMembers;
import io.nbdmirror.integration.process.RunningServer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** I9 as Linux sees a server: what it was granted, and what is logged where it was not. */
class FlushPathTest {
  private static final int CAP_IPC_LOCK = 14;
  private static final int CAP_SYS_RESOURCE = 24;

  /** PF_MEMALLOC_NOIO, which PR_SET_IO_FLUSHER sets among a thread's flags. */
  private static final long NEVER_WAITS_FOR_IO = 0x80000;

  /** Where the flags stand in /proc/PID/task/TID/stat, counted after the name in parentheses. */
  private static final int FLAGS_AFTER_NAME = 7;

  @TempDir Path folder;

  @Test
  void memoryIsLockedAndNoThreadThatServesWaitsForItWhereThatIsAllowed() throws IOException {
    TwoMembers members = TwoMembers.create(folder, "data", 16L << 20);
    try (RunningServer server = members.serve()) {
      Path process = Path.of("/proc/" + server.handle().pid());
      long capabilities = Long.parseUnsignedLong(field(process, "CapEff:"), 16);
      boolean locked = !field(process, "VmLck:").equals("0 kB");
      assertThat(locked).isEqualTo(has(capabilities, CAP_IPC_LOCK));
      assertThat(server.errors().contains("memory is not locked")).isEqualTo(!locked);
      boolean flusher = has(capabilities, CAP_SYS_RESOURCE);
      List<Long> flags = flagsOfServingThreads(process);
      assertThat(flags).as("threads of two members and a loop").hasSizeGreaterThanOrEqualTo(3);
      assertThat(flags).allMatch(each -> (each & NEVER_WAITS_FOR_IO) != 0 == flusher);
      assertThat(server.errors().split("PR_SET_IO_FLUSHER", -1)).hasSize(flusher ? 1 : 2);
      server.stop();
    }
  }

  private static boolean has(long capabilities, int bit) {
    return (capabilities >>> bit & 1) != 0;
  }

  private static String field(Path process, String name) throws IOException {
    return Files.readAllLines(process.resolve("status")).stream()
        .filter(line -> line.startsWith(name))
        .map(line -> line.substring(name.length()).strip())
        .findFirst()
        .orElseThrow();
  }

  private static List<Long> flagsOfServingThreads(Path process) throws IOException {
    List<Long> flags = new ArrayList<>();
    try (var threads = Files.list(process.resolve("task"))) {
      for (Path thread : threads.toList()) {
        String stat = Files.readString(thread.resolve("stat"));
        String name = stat.substring(stat.indexOf('(') + 1, stat.lastIndexOf(')'));
        if (name.startsWith("io-") || name.startsWith("loop")) {
          String[] rest = stat.substring(stat.lastIndexOf(')') + 1).split(" ", -1);
          flags.add(Long.parseLong(rest[FLAGS_AFTER_NAME]));
        }
      }
    }
    return flags;
  }
}
