package io.nbdmirror.bitmap.architecture;

import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClasses;
import io.nbdmirror.io.architecture.Rules;
import org.junit.jupiter.api.Test;

/** The rules themselves, and that they bite, are tested where they are defined. */
class ArchitectureTest {
  private final JavaClasses shipped = Rules.shipped();

  @Test
  void itKnowsDevicesAndNothingOfMembersOrSockets() {
    Rules.knowsNothingOf(
            "io.nbdmirror.raid..",
            "io.nbdmirror.io.file..",
            "io.nbdmirror.io.engine..",
            "io.nbdmirror.io.nativecalls..",
            "io.nbdmirror.io.loop..",
            "io.netty.channel..",
            "io.netty.handler..",
            "io.nbdmirror.nbd..")
        .check(shipped);
  }

  @Test
  void itStartsNoThread() {
    Rules.startsNoThread().check(shipped);
  }

  @Test
  void itReadsNoClock() {
    Rules.readsNoClock().check(shipped);
  }

  @Test
  void itBlocksNowhere() {
    Rules.blocksNowhere().check(shipped);
  }

  @Test
  void itsPackagesDependOneWay() {
    slices().matching("io.nbdmirror.bitmap.(*)..").should().beFreeOfCycles().check(shipped);
  }
}
