package io.nbdmirror.nbd.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.nbd.admin.FakeControl;
import io.nbdmirror.nbd.admin.RunningAdmin;
import io.nbdmirror.nbd.array.FakeArray;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

class LiveCommandsTest {
  private final FakeArray home = new FakeArray("home");
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();
  private RunningAdmin admin;

  @BeforeEach
  void start() throws IOException {
    admin = new RunningAdmin(new FakeControl(home.served()));
  }

  @AfterEach
  void close() {
    admin.close();
  }

  @Test
  void statusShowsArraysAsMdstatDoes() {
    assertThat(run("status", "--admin", admin.address().toString())).isZero();
    assertThat(out)
        .hasToString(
            """
            home : degraded raid1, 64 MiB, 1 of 2 members in sync [U_]
                  slot 0   in-sync    /m/"0", 3 writes behind, 1 read error, 2 write errors
                  slot 1   missing    -
                  bitmap: internal, 5 of 1024 chunks of 64 KiB dirty
                  [==========>.........] resync 50.0% (32 MiB of 64 MiB), 4 KiB copied, 1000 B/s
            """);
  }

  @Test
  void statusAsJsonIsTheServersDocument() {
    assertThat(run("status", "--json", "--admin", admin.address().toString())).isZero();
    assertThat(out.toString()).startsWith("{\"arrays\":[{\"name\":\"home\"").endsWith("]}\n");
  }

  @Test
  void detailShowsAnArrayAsMdadmDoes() {
    assertThat(run("detail", "home", "--admin", admin.address().toString())).isZero();
    assertThat(out)
        .hasToString(
            """
            home:
                     Version : 1.2
               Creation Time : 2023-11-14 22:13:20 UTC
                  Raid Level : raid1
                  Array Size : 67108864 bytes (64 MiB)
                Raid Devices : 2
               Total Devices : 1
                      Bitmap : internal, 5 of 1024 chunks of 64 KiB dirty
                 Update Time : 2023-11-14 22:13:21 UTC
                       State : degraded
                        Sync : [==========>.........] resync 50.0%% (32 MiB of 64 MiB), 4 KiB copied, 1000 B/s
                  Mismatches : 0
                        Name : home
                        UUID : %s
                      Events : 17
              Events Cleared : 15

                slot 0   in-sync    /m/"0", 3 writes behind, 1 read error, 2 write errors
                         device UUID 00000000-0000-0000-0000-000000000001, data offset 1 MiB, 3 requests pending
                slot 1   missing    -
            """
                .formatted(home.uuid()));
  }

  @Test
  void bitmapShowTellsRangesAndDrawsThem() {
    assertThat(run("bitmap", "show", "home", "--admin", admin.address().toString())).isZero();
    assertThat(out.toString())
        .startsWith("home: bitmap internal\n")
        .contains("3 of 1024 chunks of 64 KiB are dirty, 0 of them being resynced, 1 need it")
        .contains("Left to Resync : 196608 bytes")
        .contains("Dirty Range : 131072 bytes at byte 196608")
        .contains("Dirty Range : 65536 bytes at byte 67043328")
        .contains("  ...#!....")
        .contains(".#\n  each cell 1 chunk of the device, 64 KiB;");
    String picture = out.toString();
    assertThat(picture.lines().filter(line -> line.matches("  [.#!>]+"))).hasSize(16);
  }

  @Test
  void bitmapShowAsJsonIsTheServersDocument() {
    assertThat(run("bitmap", "show", "home", "--json", "--admin", admin.address().toString()))
        .isZero();
    assertThat(out.toString())
        .startsWith("{\"array\":\"home\",\"kind\":\"internal\",\"bitmap\":{")
        .contains("\"dirtyRanges\":[{\"offsetBytes\":196608,\"lengthBytes\":131072},")
        .contains("\"leftToResyncBytes\":196608");
  }

  @Test
  void anArrayThatIsNotServedIsASentence() {
    assertThat(run("detail", "an other", "--admin", admin.address().toString())).isEqualTo(1);
    assertThat(err).hasToString("nbdmirror: no array 'an other' is served here; there is home\n");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "status",
        "detail home",
        "clients",
        "stop",
        "stop home",
        "fail home a",
        "grow home --raid-devices 3"
      })
  void withNoServerThereIsOneSentence(String command) {
    String address = admin.address().toString();
    admin.close();
    assertThat(run((command + " --admin " + address).split(" ", -1))).isEqualTo(1);
    assertThat(out.toString()).isEmpty();
    assertThat(err)
        .hasToString(
            "nbdmirror: no server answers at %s; start one with serve, or say where it is with --admin\n"
                .formatted(address));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "status --admin 9809",
        "detail",
        "serve",
        "serve a b --bitmap-io x",
        "bitmap",
        "bitmap add data",
        "fail data",
        "add data",
        "replace data a",
        "set data a",
        "grow data",
        "set data --write-mostly",
        "set data a --speed-min 1M",
        "check",
        "serve a --speed-max 1K",
        "serve a --scrub never",
        "serve --check-config",
        "serve a --member-timeout 10ms",
        "bitmap release",
        "serve a b --io uring",
        "serve a b --listen nonsense",
        "serve a b --admin 0.0.0.0:9809",
      })
  void aWrongCommandLineIsTwo(String command) {
    assertThat(run(command.split(" ", -1))).isEqualTo(2);
    assertThat(err.toString()).startsWith("nbdmirror: ");
  }

  private int run(String... arguments) {
    CommandLine commandLine = NbdMirrorCommand.commandLine();
    commandLine.setOut(new PrintWriter(out, true));
    commandLine.setErr(new PrintWriter(err, true));
    return commandLine.execute(arguments);
  }
}
