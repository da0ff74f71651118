package io.nbdmirror.integration.lifecycle;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.integration.condition.Needs;
import io.nbdmirror.integration.member.MemberImage;
import io.nbdmirror.integration.member.TwoMembers;
import io.nbdmirror.integration.process.Background;
import io.nbdmirror.integration.process.Command;
import io.nbdmirror.integration.process.Finished;
import io.nbdmirror.integration.process.RunningServer;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.assertj.core.api.AbstractStringAssert;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** An array gets longer, shorter and another member by command, with a client and without. */
@Needs({"fio", "nbdinfo"})
class GrowTest {
  private static final long SMALL_BYTES = 40L << 20;
  private static final long LARGE_BYTES = 64L << 20;

  @TempDir Path folder;

  @Test
  void anArrayGrowsUnderAClientAndShrinksWithoutOne() throws IOException {
    TwoMembers members = TwoMembers.create(folder, "disk", SMALL_BYTES, "--assume-clean");
    Path third = TwoMembers.sparse(folder.resolve("third.img"), LARGE_BYTES);
    long before = members.first().dataBytes();
    long metadataBytes = SMALL_BYTES - before;
    try (RunningServer server = members.serve()) {
      try (Background load = Background.start(folder, load(server))) {
        Awaitility.await("the load's writes")
            .atMost(Duration.ofMinutes(1))
            .until(() -> server.array().at("/bitmap/dirtyChunks").asLong() > 0);
        refused(server, "--size", "max").contains("is as large as its members allow");
        refused(server, "--size", LARGE_BYTES).contains("make it larger first");
        TwoMembers.sparse(members.first().file(), LARGE_BYTES);
        refused(server, "--size", "max").contains("is as large as its members allow", "disk1.img");
        TwoMembers.sparse(members.second().file(), LARGE_BYTES);
        long after = LARGE_BYTES - metadataBytes;
        say(server, "--size", "max").contains("its size is " + after + " bytes");
        assertThat(size(server)).as("told to a new client").isEqualTo(after);

        say(server, "--raid-devices", "3").contains("3 members make it complete");
        server.command("add", "disk", third).run();
        Awaitility.await("the third member")
            .atMost(Duration.ofMinutes(1))
            .until(() ->
                server
                    .array()
                    .at("/members")
                    .valueStream()
                    .allMatch(member -> member.at("/role").asText().equals("in-sync")));

        refused(server, "--size", before, "--force").contains("has clients");
        assertThat(load.isRunning()).as("the load found no fault: " + load.said()).isTrue();
        load.end();
      }
      Awaitility.await("nobody connected")
          .until(() -> server.get("/api/v1/clients").get("clients").isEmpty());
      server.awaitQuiet();
      refused(server, "--size", before).contains("would be lost: give --force");
      say(server, "--size", before, "--force").contains("its size is " + before + " bytes");
      assertThat(size(server)).isEqualTo(before);
      server.stop();
    }
    members.areClean();
    for (Path other : List.of(members.second().file(), third)) {
      MemberImage image = new MemberImage(other);
      assertThat(image.dataBytes()).isEqualTo(before);
      assertThat(MemberImage.differingBlocks(members.first(), image, 4096)).isEmpty();
    }
  }

  private static long size(RunningServer server) {
    String said = Command.of("nbdinfo", "--size", server.unixUri()).run().out();
    return Long.parseLong(said.strip());
  }

  private static AbstractStringAssert<?> say(RunningServer server, Object... words) {
    return assertThat(server.command("grow", "disk").and(words).run().out());
  }

  private static AbstractStringAssert<?> refused(RunningServer server, Object... words) {
    Finished finished = server.command("grow", "disk").and(words).attempt().exited(1);
    assertThat(finished.err().lines()).as("lines on stderr").hasSize(1);
    return assertThat(finished.err());
  }

  private Command load(RunningServer server) {
    return Command.of("fio", "--name=load", "--ioengine=nbd", "--uri=" + server.unixUri())
        .and("--rw=randwrite", "--bs=4k", "--iodepth=8", "--time_based", "--runtime=600")
        .and("--verify=crc32c", "--verify_backlog=64", "--verify_fatal=1", "--size=32M")
        // One process, so that it ends when it is killed.
        .and("--rate_iops=500", "--thread")
        .in(folder);
  }
}
