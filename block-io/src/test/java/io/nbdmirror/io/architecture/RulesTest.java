package io.nbdmirror.io.architecture;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.lang.ArchRule;
import io.nbdmirror.io.architecture.fixture.Blocks;
import io.nbdmirror.io.architecture.fixture.KnowsSockets;
import io.nbdmirror.io.architecture.fixture.ReadsClock;
import io.nbdmirror.io.architecture.fixture.StartsThread;
import io.nbdmirror.io.architecture.fixture.Waits;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class RulesTest {
  static Stream<Arguments> violations() {
    return Stream.of(
        Arguments.of(Rules.startsNoThread(), StartsThread.class),
        Arguments.of(Rules.readsNoClock(), ReadsClock.class),
        Arguments.of(Rules.blocksNowhere(), Blocks.class),
        Arguments.of(Rules.blocksNowhere(), Waits.class),
        Arguments.of(Rules.knowsNothingOf("io.netty.channel.."), KnowsSockets.class));
  }

  @ParameterizedTest
  @MethodSource("violations")
  void everyRuleFailsOnAClassThatBreaksIt(ArchRule rule, Class<?> violator) {
    assertThatThrownBy(() -> rule.check(new ClassFileImporter().importClasses(violator)))
        .isInstanceOf(AssertionError.class)
        .hasMessageContaining(violator.getSimpleName());
  }

  @ParameterizedTest
  @MethodSource("violations")
  void noRuleIsContentWithNothing(ArchRule rule, Class<?> ignored) {
    assertThatThrownBy(() -> rule.check(new ClassFileImporter().importClasses()))
        .as("%s, apart from %s", rule.getDescription(), ignored)
        .isInstanceOf(AssertionError.class);
  }

  @Test
  void blockIoKnowsNothingOfBitmapsMirrorsAndProtocols() {
    Rules.knowsNothingOf(
            "io.nbdmirror.bitmap..",
            "io.nbdmirror.raid..",
            "io.nbdmirror.nbd..",
            "picocli..",
            "com.fasterxml..",
            "io.micrometer..")
        .check(Rules.shipped());
  }

  @Test
  void whatADeviceIsKnowsNothingOfFiles() {
    noClasses()
        .that()
        .resideInAPackage("io.nbdmirror.io")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(
            "io.nbdmirror.io.file..", "io.nbdmirror.io.engine..", "io.nbdmirror.io.nativecalls..")
        .check(Rules.shipped());
  }

  @Test
  void onlyTheNativeCallsKnowTheirBindings() {
    noClasses()
        .that()
        .resideOutsideOfPackage("io.nbdmirror.io.nativecalls")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("jnr..", "com.kenai..", "java.lang.foreign..")
        .check(Rules.shipped());
  }
}
