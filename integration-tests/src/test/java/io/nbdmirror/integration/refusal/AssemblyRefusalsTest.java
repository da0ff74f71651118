package io.nbdmirror.integration.refusal;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.integration.member.TwoMembers;
import io.nbdmirror.integration.process.Command;
import io.nbdmirror.integration.process.Nbdmirror;
import io.nbdmirror.integration.process.RunningServer;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Members from which {@code serve} must not start an array. */
class AssemblyRefusalsTest {
  private static final long MEMBER_BYTES = 64L << 20;
  private static final int MAJOR_VERSION = 4;
  private static final int FEATURE_MAP = 8;
  private static final int UTIME = 192;

  @TempDir Path folder;
  private TwoMembers members;
  private Path first;
  private Path second;

  @BeforeEach
  void create() {
    members = TwoMembers.create(folder, "disk", MEMBER_BYTES, "--assume-clean");
    first = members.first().file();
    second = members.second().file();
  }

  private Command serve(Object... arguments) {
    return Nbdmirror.command("serve")
        .and(arguments)
        .and("--listen", "unix:" + folder.resolve("refused.sock"))
        .and("--admin", "127.0.0.1:0")
        .with("XDG_RUNTIME_DIR", folder);
  }

  @Test
  void aMemberWithABadChecksumIsLeftOutAndTheDegradedRuleApplies() {
    members.second().patch(UTIME, 12345, false);
    new Untouched(first, second).whileRefusing(serve(first, second), "--degraded");
  }

  @Test
  void withDegradedTheMemberWithABadChecksumIsLeftOut() {
    members.second().patch(UTIME, 12345, false);
    try (RunningServer server = members.serve("--degraded")) {
      assertThat(server.array().at("/state").asText()).isEqualTo("degraded");
      server.stop();
    }
  }

  @Test
  void aTruncatedMemberIsRefused() throws IOException {
    try (FileChannel file = FileChannel.open(second, StandardOpenOption.WRITE)) {
      file.truncate(MEMBER_BYTES / 2);
    }
    new Untouched(first, second).whileRefusing(serve(first, second), second);
  }

  @Test
  void anEmptyMemberIsRefused() throws IOException {
    try (FileChannel file = FileChannel.open(second, StandardOpenOption.WRITE)) {
      file.truncate(0);
    }
    new Untouched(first, second).whileRefusing(serve(first, second), second);
  }

  @Test
  void membersOfDifferentArraysAreRefused() {
    TwoMembers others = TwoMembers.create(folder, "other", MEMBER_BYTES, "--assume-clean");
    Path stranger = others.second().file();
    new Untouched(first, stranger).whileRefusing(serve(first, stranger), "--degraded");
  }

  @Test
  void twoArraysOfOneNameAreRefused() {
    Path elsewhere = folder.resolve("elsewhere");
    assertThat(elsewhere.toFile().mkdir()).isTrue();
    TwoMembers others = TwoMembers.create(elsewhere, "disk", MEMBER_BYTES, "--assume-clean");
    Path third = others.first().file();
    Path fourth = others.second().file();
    new Untouched(first, second, third, fourth)
        .whileRefusing(serve(first, second, third, fourth), "disk");
  }

  @Test
  void aMemberGivenTwiceIsRefused() throws IOException {
    Path link = Files.createSymbolicLink(folder.resolve("link"), first);
    new Untouched(first, second).whileRefusing(serve(first, second, link), "link");
    new Untouched(first).whileRefusing(serve(first, first), first);
  }

  @Test
  void aCopyOfAMemberIsRefused() throws IOException {
    Path copy = Files.copy(first, folder.resolve("copy.img"));
    new Untouched(first, copy).whileRefusing(serve(first, copy), copy);
  }

  @Test
  void anUnknownFeatureIsRefused() {
    members.second().patch(FEATURE_MAP, 1 | 1 << 20, true);
    new Untouched(first, second).whileRefusing(serve(first, second), second, "feature");
  }

  @Test
  void aNewerFormatIsRefused() {
    members.second().patch(MAJOR_VERSION, 2, true);
    new Untouched(first, second).whileRefusing(serve(first, second), second, "2");
  }

  @Test
  void aFileWithoutASuperblockIsRefused() {
    Path blank = TwoMembers.sparse(folder.resolve("blank.img"), MEMBER_BYTES);
    new Untouched(first, blank).whileRefusing(serve(first, blank), blank);
  }

  @Test
  void aFileThatIsNotThereIsRefused() {
    Path absent = folder.resolve("absent.img");
    new Untouched(first).whileRefusing(serve(first, absent), absent);
  }

  @Test
  void oneMemberAloneIsRefused() {
    new Untouched(first).whileRefusing(serve(first), "--degraded");
  }

  @Test
  void oneMemberAloneIsServedOnRequestAndFromThenOnWithout() {
    for (Object[] arguments : new Object[][] {{first, "--degraded"}, {first}}) {
      try (RunningServer server = RunningServer.start(folder, arguments)) {
        assertThat(server.array().at("/state").asText()).isEqualTo("degraded");
        server.stop();
      }
    }
  }

  @Test
  void aMemberThatAnotherServerHasIsRefused() {
    try (RunningServer server = members.serve()) {
      Command again = serve(first, second);
      assertThat(again.attempt().exited(1).err())
          .contains(first.toString(), "open for writing by process " + server.handle().pid());
      assertThat(server.array().at("/state").asText()).isIn("clean", "active");
      server.stop();
    }
    members.areIdentical();
    members.areClean();
  }
}
