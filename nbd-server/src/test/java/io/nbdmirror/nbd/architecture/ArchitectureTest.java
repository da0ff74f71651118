package io.nbdmirror.nbd.architecture;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import io.nbdmirror.io.architecture.Rules;
import org.junit.jupiter.api.Test;

class ArchitectureTest {
  private final JavaClasses shipped = Rules.shipped();

  @Test
  void theProtocolServesBlockDevicesAndKnowsNothingOfMirrors() {
    Rules.knowsNothingOf(
            "io.nbdmirror.raid..",
            "io.nbdmirror.bitmap..",
            "io.nbdmirror.nbd.admin..",
            "io.nbdmirror.nbd.cli..",
            "io.nbdmirror.nbd.metrics..",
            "io.nbdmirror.nbd.serve..")
        .check(in("protocol", "handshake", "transmission", "export", "listen", "tls"));
  }

  @Test
  void whatRunsOnALoopBlocksNowhere() {
    Rules.blocksNowhere().check(in("protocol", "handshake", "transmission", "export"));
  }

  private JavaClasses in(String... packages) {
    return shipped.that(
        new DescribedPredicate<JavaClass>("are in the packages asked for") {
          @Override
          public boolean test(JavaClass type) {
            for (String name : packages) {
              if (type.getPackageName().equals("io.nbdmirror.nbd." + name)) {
                return true;
              }
            }
            return false;
          }
        });
  }
}
