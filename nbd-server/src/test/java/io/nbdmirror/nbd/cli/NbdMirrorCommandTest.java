package io.nbdmirror.nbd.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.PrintWriter;
import java.io.StringWriter;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;
import picocli.CommandLine.TypeConversionException;

final class NbdMirrorCommandTest {
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  private int execute(String... arguments) {
    return NbdMirrorCommand.commandLine()
        .setOut(new PrintWriter(out, true))
        .setErr(new PrintWriter(err, true))
        .execute(arguments);
  }

  @Test
  void tellsItsVersion() {
    assertThat(execute("--version")).isZero();
    assertThat(out.toString()).matches("nbdmirror \\d+\\.\\d+\\.\\d+.*\\R");
  }

  @Test
  void everyCommandHasHelpWithExamplesAndAVersion() {
    CommandLine root = NbdMirrorCommand.commandLine();
    assertThat(root.getUsageMessage()).contains("Examples:");
    for (CommandLine command : root.getSubcommands().values()) {
      assertThat(command.getUsageMessage())
          .containsPattern("Examples?:\\R  \\S")
          .contains("--help");
      assertThat(command.getCommandSpec().version()).hasSize(1);
      assertThat(command.getCommandSpec().versionProvider()).isNotNull();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "frobnicate", "--frobnicate"})
  void wrongUsageIsASentenceAndStatusTwo(String argument) {
    int status = argument.isEmpty() ? execute() : execute(argument);
    assertThat(status).isEqualTo(2);
    assertThat(err.toString()).startsWith("nbdmirror: ").contains("--help").doesNotContain("\tat ");
    assertThat(out.toString()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({"0,0", "4096,4096", "64K,65536", "64k,65536", "1M,1048576", "3G,3221225472"})
  @CsvSource({"2T,2199023255552", "1GiB,1073741824", "5MB,5242880"})
  void sizesTakePowersOf1024(String text, long bytes) {
    assertThat(new SizeConverter().convert(text)).isEqualTo(bytes);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "K", "-1", "1.5G", "1X", "9999999T", "99999999999999999999"})
  void whatIsNoSizeIsRefused(String text) {
    assertThatThrownBy(() -> new SizeConverter().convert(text))
        .isInstanceOf(TypeConversionException.class)
        .hasMessageContaining("'" + text + "'");
  }

  @ParameterizedTest
  @CsvSource({"5,5", "5s,5", "2m,120", "1h,3600"})
  void timesAreSeconds(String text, long seconds) {
    assertThat(new SecondsConverter().convert(text)).isEqualTo(seconds);
  }
}
