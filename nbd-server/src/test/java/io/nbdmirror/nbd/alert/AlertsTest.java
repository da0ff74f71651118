package io.nbdmirror.nbd.alert;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.raid.event.ArrayEvent;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

class AlertsTest {
  @Test
  void thePageHasEveryEvent() throws IOException {
    String page = Files.readString(Path.of("..", "docs", "alerts.md"));
    assertThat(Arrays.stream(ArrayEvent.Kind.values()).map(ArrayEvent.Kind::word))
        .allMatch(
            word -> page.lines().anyMatch(line -> line.matches("\\|.*`" + word + "`.*\\|.*")));
  }
}
