package io.nbdmirror.nbd.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.nbdmirror.nbd.handshake.HandshakeLimits;
import io.nbdmirror.nbd.listen.AccessRules;
import io.nbdmirror.nbd.listen.ExportRule;
import io.nbdmirror.nbd.serve.NbdOptions.ReadOnlyExport;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.junit.jupiter.api.Test;

class ExportPlanTest {
  private static final ArrayPlan VM = new ArrayPlan(new UUID(1, 1), "vm", List.of());
  private static final ArrayPlan LOG = new ArrayPlan(new UUID(1, 2), "log", List.of());

  private static NbdOptions options(List<ReadOnlyExport> exports, Optional<String> byDefault) {
    return new NbdOptions(
        List.of(), exports, byDefault, AccessRules.OPEN, TlsOptions.NONE, HandshakeLimits.DEFAULT);
  }

  private static NbdOptions readOnly(String array, String name) {
    return options(List.of(new ReadOnlyExport(array, name)), Optional.empty());
  }

  @Test
  void theOnlyArrayNeedsNotBeNamed() throws StartException {
    ExportPlan plan = ExportPlan.of(List.of(VM), readOnly("", "backup"));
    assertThat(plan.readOnlyNamesOf("vm")).containsExactly("backup");
  }

  @Test
  void ofSeveralArraysTheNamedOneIsExportedOnceMore() throws StartException {
    ExportPlan plan = ExportPlan.of(List.of(VM, LOG), readOnly("log", "backup"));
    assertThat(plan.readOnlyNamesOf("vm")).isEmpty();
    assertThat(plan.readOnlyNamesOf("log")).containsExactly("backup");
  }

  @Test
  void ofSeveralArraysOneMustBeNamed() {
    refused(List.of(VM, LOG), readOnly("", "backup"), "say of which array, as ARRAY=backup");
  }

  @Test
  void anArrayThatIsNotThereIsNamed() {
    refused(List.of(VM), readOnly("mail", "backup"), "there is no array 'mail'");
  }

  @Test
  void aNameMeansOneExport() {
    refused(List.of(VM, LOG), readOnly("vm", "log"), "two exports named 'log'");
  }

  @Test
  void theDefaultIsAnExport() throws StartException {
    ExportPlan.of(List.of(VM, LOG), options(List.of(), Optional.of("log")));
    refused(List.of(VM, LOG), options(List.of(), Optional.of("lgo")), "there are: log, vm");
  }

  @Test
  void aRuleIsForAnExportThatThereIs() {
    AccessRules rules =
        new AccessRules(
            AccessRules.OPEN.tls(),
            10,
            AccessRules.OPEN.perExport(),
            Map.of("vn", new ExportRule(false, Set.of(), 1)));
    NbdOptions options =
        new NbdOptions(
            List.of(),
            List.of(),
            Optional.empty(),
            rules,
            TlsOptions.NONE,
            HandshakeLimits.DEFAULT);
    refused(List.of(VM), options, "export 'vn' is named as one with rules of its own");
  }

  private static void refused(List<ArrayPlan> arrays, NbdOptions options, String sentence) {
    assertThatThrownBy(() -> ExportPlan.of(arrays, options))
        .isInstanceOf(StartException.class)
        .hasMessageContaining(sentence);
  }
}
