package io.nbdmirror.nbd.alert;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EventProgramTest {
  private static final EventProgram.Effort IMPATIENT =
      new EventProgram.Effort(3, Duration.ZERO, Duration.ofMinutes(1), 100);

  @TempDir private Path folder;

  @Test
  void theProgramGetsEventArrayAndMemberInTheOrderOfTheEvents() throws IOException {
    EventProgram program =
        new EventProgram(script("echo \"$#:$*:$NBDMIRROR_EVENT_DETAIL\" >> told"), IMPATIENT);
    program.call("DegradedArray", "home", "", "1 of 2 members are in sync");
    program.call("Fail", "my array", "/m/a b", "it broke");
    program.close();
    assertThat(folder.resolve("told"))
        .content()
        .isEqualTo(
            "2:DegradedArray home:1 of 2 members are in sync\n3:Fail my array /m/a b:it broke\n");
    assertThat(program.succeeded()).isEqualTo(2);
  }

  @Test
  void aProgramThatFailsIsTriedAgain() throws IOException {
    EventProgram program =
        new EventProgram(script("echo x >> told; test $(wc -l < told) -ge 3"), IMPATIENT);
    program.call("Fail", "home", "/m/a", "");
    await().until(() -> program.succeeded() == 1);
    program.close();
    assertThat(folder.resolve("told")).content().isEqualTo("x\nx\nx\n");
    assertThat(program.failed()).isZero();
  }

  @Test
  void aProgramThatGoesOnFailingIsGivenUpAndTheNextEventIsTold() throws IOException {
    EventProgram program = new EventProgram(script("echo $1 >> told; test $1 = Good"), IMPATIENT);
    program.call("Bad", "home", "", "");
    program.call("Good", "home", "", "");
    await().until(() -> program.succeeded() == 1);
    program.close();
    assertThat(folder.resolve("told")).content().isEqualTo("Bad\nBad\nBad\nGood\n");
    assertThat(program.failed()).isEqualTo(1);
  }

  @Test
  void aProgramThatCannotBeStartedIsTriedAgainAndGivenUp() {
    EventProgram program = new EventProgram(folder.resolve("none"), IMPATIENT);
    program.call("Fail", "home", "/m/a", "");
    await().until(() -> program.failed() == 1);
    program.close();
  }

  @Test
  void aProgramThatHangsIsKilledWithWhatItStarted() throws IOException {
    Path script = script("echo $$ >> told; sleep 1000");
    EventProgram program =
        new EventProgram(
            script, new EventProgram.Effort(1, Duration.ZERO, Duration.ofMillis(300), 100));
    program.call("Fail", "home", "/m/a", "");
    await().until(() -> program.failed() == 1);
    program.close();
    long pid = Long.parseLong(Files.readString(folder.resolve("told")).strip());
    await().until(() -> ProcessHandle.of(pid).stream().noneMatch(ProcessHandle::isAlive));
  }

  @Test
  void whatDoesNotWaitInLineIsDroppedAndTheCallerIsNotHeldUp() throws IOException {
    EventProgram program =
        new EventProgram(
            script("echo $1 >> told; while ! test -e go; do sleep 0.01; done"),
            new EventProgram.Effort(1, Duration.ZERO, Duration.ofMinutes(1), 2));
    program.call("E1", "home", "", "");
    await().until(() -> Files.exists(folder.resolve("told")));
    for (int i = 2; i <= 5; i++) {
      program.call("E" + i, "home", "", "");
    }
    assertThat(program.dropped()).isEqualTo(2);
    Files.createFile(folder.resolve("go"));
    program.close();
    assertThat(folder.resolve("told")).content().isEqualTo("E1\nE2\nE3\n");
  }

  private Path script(String body) throws IOException {
    Path script =
        Files.writeString(folder.resolve("script"), "#!/bin/sh\ncd " + folder + "\n" + body + "\n");
    Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwx------"));
    return script;
  }
}
