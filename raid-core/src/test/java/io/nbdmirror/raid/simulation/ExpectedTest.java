package io.nbdmirror.raid.simulation;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** The model: if it let everything pass, the simulator would find nothing. */
class ExpectedTest {
  private static final byte[] ZEROES = new byte[Pattern.SECTOR];

  private final Expected expected = new Expected(64 << 10);

  @Test
  void aReadReturnsTheLastAcknowledgedWriteOrOneInFlight() {
    Expected.Change one = write();
    assertThat(read(ZEROES)).isEmpty();
    assertThat(read(of(one))).isEmpty();
    one.succeeded(false);
    assertThat(read(ZEROES)).contains("sector 0 may hold write 1");
    Expected.Change two = write();
    assertThat(read(of(one))).isEmpty();
    assertThat(read(of(two))).isEmpty();
  }

  @Test
  void aReadThatBeganEarlierMayReturnWhatWasThereThen() {
    Expected.Reading reading = expected.beginRead(0, Pattern.SECTOR);
    Expected.Change one = write();
    one.succeeded(true);
    assertThat(reading.returned(ZEROES)).isEmpty();
    assertThat(read(ZEROES)).isNotEmpty();
  }

  @Test
  void aPowerCutLeavesNothingOlderThanTheLastFlush() {
    Expected.Change one = write();
    one.succeeded(false);
    expected.beginFlush().succeeded();
    Expected.Change two = write();
    two.succeeded(false);
    expected.crash(true);
    assertThat(expected.problemAtRest(0, ZEROES, true)).isNotEmpty();
    assertThat(expected.problemAtRest(0, of(one), true)).isEmpty();
    assertThat(expected.problemAtRest(0, of(two), true)).isEmpty();
  }

  @Test
  void aKillLosesNothingAcknowledged() {
    Expected.Change one = write();
    one.succeeded(false);
    expected.crash(false);
    assertThat(read(ZEROES)).isNotEmpty();
    assertThat(read(of(one))).isEmpty();
  }

  @Test
  void whatWasReadAfterACrashIsReadFromThenOn() {
    Expected.Change one = write();
    expected.crash(true);
    assertThat(read(ZEROES)).isEmpty();
    assertThat(read(of(one))).as("read otherwise before").isNotEmpty();
    expected.sourceChanged();
    assertThat(read(of(one))).as("from another member").isEmpty();
    assertThat(read(ZEROES)).isNotEmpty();
  }

  @Test
  void aWriteOfAPartKeepsTheRest() {
    Expected.Change one = write();
    one.succeeded(true);
    Expected.Change part = expected.begin(100, 8, false);
    part.succeeded(true);
    byte[] both = of(one);
    System.arraycopy(Pattern.sectorOf(part.number, 0), 100, both, 100, 8);
    assertThat(read(both)).isEmpty();
    assertThat(read(of(one))).isNotEmpty();
  }

  @Test
  void bytesOfAnotherSectorAreNoticed() {
    Expected.Change one = write();
    one.succeeded(true);
    assertThat(read(Pattern.sectorOf(one.number, 1))).contains("it has write 1 of sector 1");
  }

  private Expected.Change write() {
    return expected.begin(0, Pattern.SECTOR, false);
  }

  private static byte[] of(Expected.Change change) {
    return Pattern.sectorOf(change.number, 0);
  }

  private String read(byte[] found) {
    return expected.beginRead(0, Pattern.SECTOR).returned(found);
  }
}
