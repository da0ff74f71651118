package io.nbdmirror.nbd.scrub;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.nbd.array.FakeArray;
import io.nbdmirror.raid.status.ArrayStatus.State;
import io.nbdmirror.raid.status.ArrayStatus.SyncAction;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ScrubberTest {
  /** A Friday. */
  private static final Instant BEGIN = Instant.parse("2026-02-27T12:00:00Z");

  @TempDir private Path folder;
  private final FakeArray home = new FakeArray("home");
  private final HandClock clock = new HandClock();
  private Scrubber scrubber;

  @BeforeEach
  void make() {
    home.doing(State.CLEAN, SyncAction.IDLE);
    scrubber = scrubber();
  }

  @Test
  void anArrayIsCheckedWhenItIsDueAndOnlyOnce() throws Exception {
    scrubber.look();
    clock.now = Instant.parse("2026-03-01T02:59:00Z");
    scrubber.look();
    assertThat(home.asked()).isEmpty();
    clock.now = Instant.parse("2026-03-01T03:00:30Z");
    scrubber.look();
    assertThat(home.asked()).containsExactly("check");
    home.doing(State.CLEAN, SyncAction.CHECK);
    scrubber.look();
    home.doing(State.CLEAN, SyncAction.IDLE);
    scrubber.look();
    scrubber.look();
    assertThat(home.asked()).containsExactly("check");
    clock.now = clock.now.plus(Duration.ofDays(7));
    scrubber.look();
    assertThat(home.asked()).containsExactly("check", "check");
  }

  @Test
  void anArrayThatIsNotWholeOrHasSomethingCopiedIsCheckedWhenThatIsOver() throws Exception {
    scrubber.look();
    clock.now = BEGIN.plus(Duration.ofDays(3));
    home.doing(State.DEGRADED, SyncAction.IDLE);
    scrubber.look();
    home.doing(State.ACTIVE, SyncAction.RESYNC);
    scrubber.look();
    home.doing(State.READ_ONLY, SyncAction.IDLE);
    scrubber.look();
    assertThat(home.asked()).isEmpty();
    home.doing(State.ACTIVE, SyncAction.IDLE);
    scrubber.look();
    assertThat(home.asked()).containsExactly("check");
  }

  @Test
  void aTimeThatPassedWhileNoServerRanIsMadeUpFor() throws Exception {
    scrubber.look();
    clock.now = BEGIN.plus(Duration.ofDays(30));
    scrubber().look();
    assertThat(home.asked()).containsExactly("check");
  }

  @Test
  void aCheckThatWasCutShortByTheEndOfTheServerIsBegunAgain() throws Exception {
    scrubber.look();
    clock.now = BEGIN.plus(Duration.ofDays(3));
    scrubber.look();
    home.doing(State.CLEAN, SyncAction.CHECK);
    scrubber.look();
    home.doing(State.CLEAN, SyncAction.IDLE);
    scrubber().look();
    assertThat(home.asked()).containsExactly("check", "check");
  }

  @Test
  void aCheckThatEndedIsRememberedByTheNextServer() throws Exception {
    scrubber.look();
    clock.now = BEGIN.plus(Duration.ofDays(3));
    scrubber.look();
    scrubber.look();
    scrubber().look();
    assertThat(home.asked()).containsExactly("check");
  }

  @Test
  void aCheckThatIsRefusedIsAskedForAgain() throws Exception {
    scrubber.look();
    clock.now = BEGIN.plus(Duration.ofDays(3));
    home.refusing(new DeviceException(Errno.EBUSY, "not now"));
    scrubber.look();
    scrubber.look();
    assertThat(home.asked()).containsExactly("check", "check");
  }

  @Test
  void whatCannotBeReadIsTakenForNotKnown() throws Exception {
    Files.writeString(folder.resolve("scrub-" + home.uuid()), "rubbish");
    scrubber.look();
    assertThat(home.asked()).isEmpty();
    assertThat(Files.readString(folder.resolve("scrub-" + home.uuid()))).isEqualTo(BEGIN + "\n");
  }

  @Test
  void aFolderThatCannotBeWrittenKeepsNothingFromBeingChecked()
      throws IOException, InterruptedException {
    folder = Files.createFile(folder.resolve("file"));
    scrubber = scrubber();
    scrubber.look();
    clock.now = BEGIN.plus(Duration.ofDays(3));
    scrubber.look();
    scrubber.look();
    scrubber.look();
    assertThat(home.asked()).containsExactly("check");
  }

  @Test
  void theStateDirectoryIsTheServicesOrTheUsers() {
    assertThat(ScrubLog.folder(Map.of("STATE_DIRECTORY", "/var/lib/x:/var/lib/y"), true))
        .isEqualTo(Path.of("/var/lib/x"));
    assertThat(ScrubLog.folder(Map.of("XDG_STATE_HOME", "/s"), true))
        .isEqualTo(Path.of("/s/nbdmirror"));
    assertThat(ScrubLog.folder(Map.of("HOME", "/root"), true))
        .isEqualTo(Path.of("/var/lib/nbdmirror"));
    assertThat(ScrubLog.folder(Map.of("HOME", "/home/a"), false))
        .isEqualTo(Path.of("/home/a/.local/state/nbdmirror"));
  }

  private Scrubber scrubber() {
    return new Scrubber(
        Map.of(home.uuid(), ScrubSchedule.parse("weekly")),
        () -> List.of(home.served()),
        new ScrubLog(folder),
        clock);
  }

  /** Stands still until it is set. */
  private static final class HandClock extends Clock {
    private Instant now = BEGIN;

    @Override
    public ZoneId getZone() {
      return ZoneOffset.UTC;
    }

    @Override
    public Clock withZone(ZoneId zone) {
      throw new UnsupportedOperationException();
    }

    @Override
    public Instant instant() {
      return now;
    }
  }
}
