package io.nbdmirror.nbd.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.nbdmirror.nbd.listen.AccessRules;
import io.nbdmirror.nbd.listen.ListenAddress;
import io.nbdmirror.nbd.serve.NbdOptions;
import io.nbdmirror.nbd.serve.NbdOptions.ReadOnlyExport;
import io.nbdmirror.nbd.tls.TlsMode;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

class NbdFlagsTest {
  /** A command that has those flags alone. */
  @Command
  private static final class Holder {
    @Mixin private NbdFlags flags = new NbdFlags();
  }

  private static NbdOptions options(String... arguments) throws CommandException {
    Holder holder = new Holder();
    new CommandLine(holder).parseArgs(arguments);
    return holder.flags.options();
  }

  @Test
  void withoutAFlagThereIsNoTlsAndAnybodyIsServedOnTheUsualPort() throws CommandException {
    NbdOptions options = options();
    assertThat(options.listen()).containsExactly(ListenAddress.parse("tcp:127.0.0.1:10809"));
    assertThat(options.access()).isEqualTo(AccessRules.OPEN);
    assertThat(options.defaultExport()).isEmpty();
  }

  @Test
  void certificatesOrKeysAloneRequireTls() throws CommandException {
    assertThat(options("--tls-certificates", "/pki").access().tls()).isEqualTo(TlsMode.REQUIRE);
    assertThat(options("--tls-psk", "/keys").access().tls()).isEqualTo(TlsMode.REQUIRE);
    assertThat(options("--tls", "on", "--tls-psk", "/keys").access().tls()).isEqualTo(TlsMode.ON);
  }

  @Test
  void theFlagsOfTlsReachItsOptions() throws CommandException {
    NbdOptions options = options("--tls-certificates", "/pki", "--tls-verify-peer");
    assertThat(options.tls().certificates()).isEqualTo(Optional.of(Path.of("/pki")));
    assertThat(options.tls().verifyPeer()).isTrue();
  }

  @Test
  void rulesAreGatheredByExport() throws CommandException {
    AccessRules rules =
        options(
                "--max-connections=50",
                "--export-connections=8",
                "--export-connections=vm=2",
                "--tls-psk=/keys",
                "--tls-require-export=log",
                "--tls-allow=vm=CN=a,O=b",
                "--tls-allow=vm=CN=c")
            .access();
    assertThat(rules.maxConnections()).isEqualTo(50);
    assertThat(rules.of("other").maxConnections()).isEqualTo(8);
    assertThat(rules.of("log").maxConnections()).isEqualTo(8);
    assertThat(rules.of("log").tlsRequired()).isTrue();
    assertThat(rules.of("vm").maxConnections()).isEqualTo(2);
    assertThat(rules.of("vm").subjects()).containsExactlyInAnyOrder("CN=a,O=b", "CN=c");
  }

  @Test
  void exportsAreNamedAsArrayAndNameOrNameAlone() throws CommandException {
    NbdOptions options =
        options("--read-only-export=backup", "--read-only-export=vm=copy", "--default-export=vm");
    assertThat(options.readOnlyExports())
        .containsExactly(new ReadOnlyExport("", "backup"), new ReadOnlyExport("vm", "copy"));
    assertThat(options.defaultExport()).contains("vm");
  }

  @Test
  void whatMakesNoSenseIsRefusedWithASentence() {
    refused("is off; leave out either", "--tls=off", "--tls-psk=/keys");
    refused("does not say whom", "--tls-allow=vm");
    refused("is no number of at least 1", "--export-connections=vm=0");
    refused("must be at least 1", "--max-connections=0");
  }

  private static void refused(String sentence, String... arguments) {
    assertThatThrownBy(() -> options(arguments))
        .isInstanceOf(CommandException.class)
        .hasMessageContaining(sentence);
  }
}
