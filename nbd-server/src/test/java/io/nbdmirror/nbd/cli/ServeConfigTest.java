package io.nbdmirror.nbd.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.nbd.listen.ListenAddress;
import io.nbdmirror.nbd.scrub.ScrubSchedule;
import io.nbdmirror.nbd.serve.ArrayChoice;
import io.nbdmirror.nbd.serve.ArrayOptions;
import io.nbdmirror.nbd.serve.MemberPath;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;

class ServeConfigTest {
  private static final String UUID_TEXT = "7187e93d:c73872fe:a140fd64:b557889c";

  @TempDir private Path folder;
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  @Test
  void aSettingIsAsGoodAsTheFlag() throws Exception {
    CommandSpec serve =
        configured(
            """
            listen = ["tcp:127.0.0.1:0", "unix:/run/x.sock"]
            bitmap = "b.bitmap"
            bitmap-io = "file"
            read-only = true
            member-timeout = "2m"
            """);
    assertThat(value(serve, "--listen"))
        .isEqualTo(
            List.of(
                ListenAddress.parse("tcp:127.0.0.1:0"), ListenAddress.parse("unix:/run/x.sock")));
    assertThat(value(serve, "--bitmap")).isEqualTo(List.of(folder.resolve("b.bitmap")));
    assertThat(value(serve, "--bitmap-io")).hasToString("file");
    assertThat(value(serve, "--read-only")).isEqualTo(true);
    assertThat(value(serve, "--member-timeout")).isEqualTo(Duration.ofMinutes(2));
    assertThat(value(serve, "--degraded")).isEqualTo(false);
  }

  @Test
  void aFlagGoesBeforeTheFile() throws Exception {
    CommandSpec serve =
        configured(
            "listen = \"unix:/run/x.sock\"\nmember-timeout = \"2m\"\n",
            "--listen",
            "tcp:127.0.0.1:1",
            "--member-timeout",
            "3m");
    assertThat(value(serve, "--listen")).isEqualTo(List.of(ListenAddress.parse("tcp:127.0.0.1:1")));
    assertThat(value(serve, "--member-timeout")).isEqualTo(Duration.ofMinutes(3));
  }

  @Test
  void anArrayHasItsOwnSettingsAndTakesTheOthersFromAbove() throws Exception {
    String text =
        """
        members = ["all-*", "one"]
        member-timeout = "2m"

        [[array]]
        uuid = "%s"
        degraded = true

        [[array]]
        members = "/m/a?"
        member-timeout = "3m"
        clean-delay = "0"
        scrub = "weekly"
        """
            .formatted(UUID_TEXT);
    ServeConfig config = config(text);
    assertThat(config.members())
        .containsExactly(
            new MemberPath(folder.resolve("all-*").toString(), true),
            new MemberPath(folder.resolve("one").toString(), false));
    List<ArrayChoice> arrays = config.arrays();
    assertThat(arrays).hasSize(2);
    assertThat(arrays.get(0).uuid())
        .isEqualTo(UUID.fromString("7187e93d-c738-72fe-a140-fd64b557889c"));
    assertThat(arrays.get(0).options())
        .isEqualTo(options(true, Duration.ofMinutes(2), Duration.ofMillis(200), ScrubSchedule.OFF));
    assertThat(arrays.get(0).where())
        .isEqualTo("the array in line 4 of " + folder.resolve("x.toml"));
    assertThat(arrays.get(1).members()).containsExactly(new MemberPath("/m/a?", true));
    assertThat(arrays.get(1).options())
        .isEqualTo(
            options(false, Duration.ofMinutes(3), Duration.ZERO, ScrubSchedule.parse("weekly")));
    assertThat(config(text, "--member-timeout", "9s").arrays())
        .extracting(array -> array.options().memberTimeout())
        .containsOnly(Duration.ofSeconds(9));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '^',
      value = {
        "lisen = 'x'                    | 1 | 'lisen' is no setting here; docs/configuration.md has them all",
        "config = 'x'                   | 1 | 'config' is no setting here; docs/configuration.md has them all",
        "x.y = 1                        | 1 | 'x' is no setting here; docs/configuration.md has them all",
        "listen = 10809                 | 1 | 'listen' takes text or a list of texts in quotes, not 10809",
        "listen = ['tcp:a:0', 1]        | 1 | 'listen' takes text or a list of texts in quotes, not 1",
        "admin = ['a']                  | 1 | 'admin' takes one value, not a list",
        "direct = 'yes'                 | 1 | 'direct' takes true or false, not \"yes\"",
        "direct = 1                     | 1 | 'direct' takes true or false, not 1",
        "member-timeout = 30            | 1 | 'member-timeout' takes text in quotes, not 30",
        "member-timeout = 'soon'        | 1 | 'member-timeout' cannot be that: 'soon' is not a time: give a whole number with ms, s, m or h behind it",
        "member-timeout = '10ms'        | 1 | 'member-timeout' cannot be that: '10ms' is not a time-out from 1 second to 24 hours",
        "admin = '0.0.0.0:1'            | 1 | 'admin' cannot be that: the admin API is not encrypted and so stays on this host: 0.0.0.0:1 is not a loopback address; use 127.0.0.1 or unix:PATH and a tunnel",
        "members = true                 | 1 | 'members' takes text or a list of texts in quotes, not true",
        "direct = true\\narray = 1                | 2 | an array begins with [[array]]",
        "[array]\\nuuid = 'x'           | 1 | an array begins with [[array]]",
        "[[array]]\\nuuid = 'x'         | 2 | 'uuid' takes a UUID, as detail shows it, not \"x\"",
        "[[array]]\\ndegraded = true    | 1 | an [[array]] needs a uuid or members: which one is it?",
        "[[array]]\\nmembers = 'a'\\nlisten = 'x' | 3 | 'listen' is no setting here; docs/configuration.md has them all",
        "speed-min = true               | 1 | 'speed-min' takes text in quotes or a whole number, not true",
        "scrub = 'sometimes'            | 1 | 'scrub' cannot be that: 'sometimes' is no schedule: say off, daily, weekly, monthly, 03:00 or 'Sun 03:00'",
        "[[array]]\\nmembers = 'a'\\nspeed-max = '1K' | 1 | speed-max, 1024 bytes a second, is less than speed-min, 1048576, or 0",
        "[[array]]\\nmembers = 'a'\\ndegraded = 0 | 3 | 'degraded' takes true or false, not 0",
      })
  void whatIsWrongIsSaidWithItsLine(String text, int line, String sentence) throws IOException {
    Path file = write(text.replace("\\n", "\n"));
    assertThat(check(file)).isEqualTo(1);
    assertThat(err).hasToString("nbdmirror: %s, line %d: %s\n".formatted(file, line, sentence));
  }

  @Test
  void whatIsNoTomlIsSaidWithItsLine() throws IOException {
    Path file = write("direct = true\nlisten = = 1\n");
    assertThat(check(file)).isEqualTo(1);
    assertThat(err.toString()).startsWith("nbdmirror: " + file + ", line 2: ");
  }

  @Test
  void aFileThatIsNotThereIsASentence() {
    Path file = folder.resolve("none.toml");
    assertThat(check(file)).isEqualTo(1);
    assertThat(err).hasToString("nbdmirror: %s: there is no such file\n".formatted(file));
  }

  @Test
  void aRightFileIsSaidToBeRight() throws IOException {
    Path file = write("members = ['a', 'b']\n");
    assertThat(check(file)).isZero();
    assertThat(out).hasToString(file + " is right\n");
  }

  @Test
  void aFileWithoutMembersAsksForThem() throws IOException {
    Path file = write("direct = true\n");
    assertThat(check(file)).isEqualTo(2);
    assertThat(err.toString()).startsWith("nbdmirror: which members?");
  }

  @Test
  void theReferencePageHasEverySettingAndNoOther() throws IOException {
    String page = Files.readString(Path.of("..", "docs", "configuration.md"));
    List<String> documented =
        page.lines()
            .filter(line -> line.matches("\\| `[a-z-]+` \\| (each)? ?\\| .*"))
            .map(line -> line.substring(3, line.indexOf('`', 3)))
            .toList();
    CommandSpec serve = new CommandLine(new ServeCommand()).getCommandSpec();
    assertThat(documented)
        .containsExactlyInAnyOrderElementsOf(
            ServeConfig.settings(serve).map(ServeConfig::settingName).toList());
    CommandSpec array = new CommandLine(new ArrayFlags()).getCommandSpec();
    for (String setting : documented) {
      assertThat(page.contains("| `%s` | each |".formatted(setting)))
          .as(setting)
          .isEqualTo(array.findOption("--" + setting) != null);
      String usual =
          Objects.requireNonNullElse(serve.findOption("--" + setting).defaultValue(), "");
      assertThat(page)
          .as("what holds without " + setting)
          .containsPattern("\\| `%s` \\| (each)? ?\\| (`false` |`)?%s".formatted(setting, usual));
    }
  }

  @Test
  void theExampleOnTheReferencePageIsRight() throws IOException {
    String page = Files.readString(Path.of("..", "docs", "configuration.md"));
    int begin = page.indexOf("```toml\n") + "```toml\n".length();
    assertThat(check(write(page.substring(begin, page.indexOf("```", begin)))))
        .as(err.toString())
        .isZero();
  }

  private static ArrayOptions options(
      boolean degraded, Duration memberTimeout, Duration cleanDelay, ScrubSchedule scrub) {
    return new ArrayOptions(degraded, memberTimeout, cleanDelay, 1 << 20, Long.MAX_VALUE, scrub);
  }

  private int check(Path file) {
    CommandLine commandLine = NbdMirrorCommand.commandLine();
    commandLine.setOut(new PrintWriter(out, true));
    commandLine.setErr(new PrintWriter(err, true));
    return commandLine.execute("serve", "--check-config", "--config", file.toString());
  }

  private CommandSpec configured(String text, String... arguments) throws Exception {
    CommandSpec serve = parsed(arguments);
    new ServeConfig(write(text), serve).applyFlags();
    return serve;
  }

  private ServeConfig config(String text, String... arguments) throws Exception {
    return new ServeConfig(write(text), parsed(arguments));
  }

  private static CommandSpec parsed(String... arguments) {
    CommandLine commandLine = new CommandLine(new ServeCommand());
    commandLine.parseArgs(arguments);
    return commandLine.getCommandSpec();
  }

  private Path write(String text) throws IOException {
    return Files.writeString(folder.resolve("x.toml"), text);
  }

  private static Object value(CommandSpec command, String option) {
    return command.findOption(option).getValue();
  }
}
