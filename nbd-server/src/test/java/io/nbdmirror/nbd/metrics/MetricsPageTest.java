package io.nbdmirror.nbd.metrics;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.io.Errno;
import io.nbdmirror.nbd.array.FakeArray;
import io.nbdmirror.nbd.protocol.Command;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

class MetricsPageTest {
  private static final Duration PATIENCE = Duration.ofMillis(200);

  /** A sample as Prometheus' text format has it. */
  private static final Pattern SAMPLE =
      Pattern.compile(
          "([a-zA-Z_:][a-zA-Z0-9_:]*)"
              + "(?:\\{[a-zA-Z_][a-zA-Z0-9_]*=\"(?:[^\"\\\\\n]|\\\\[\"\\\\n])*\""
              + "(?:,[a-zA-Z_][a-zA-Z0-9_]*=\"(?:[^\"\\\\\n]|\\\\[\"\\\\n])*\")*\\})?"
              + " (?:NaN|[+-]Inf|-?[0-9.]+(?:E-?[0-9]+)?)");

  private final RequestTotals totals = new RequestTotals("home");
  private final ServerMetrics server =
      new ServerMetrics(() -> 3, new EventTotals(), EventCalls.NONE);
  private final MetricsPage page = new MetricsPage("1.0", server);

  @Test
  void everyLineIsValidAndEverySampleBelongsToAFamilyWithHelpAndType() throws Exception {
    server.add(List.of(totals));
    Map<String, String> types = new HashMap<>();
    Set<String> helped = new HashSet<>();
    Set<String> samples = new HashSet<>();
    for (String line : render(new FakeArray("home")).split("\n", -1)) {
      if (line.startsWith("# HELP ")) {
        String[] words = line.split(" ", 4);
        assertThat(words[3]).as(line).isNotBlank();
        helped.add(words[2]);
      } else if (line.startsWith("# TYPE ")) {
        String[] words = line.split(" ", 4);
        assertThat(types.put(words[2], words[3])).as("told twice: " + line).isNull();
      } else if (!line.isEmpty()) {
        Matcher sample = SAMPLE.matcher(line);
        assertThat(sample.matches()).as(line).isTrue();
        String name = sample.group(1);
        String family =
            types.containsKey(name) ? name : name.replaceAll("_(bucket|sum|count)$", "");
        assertThat(types).as(line).containsKey(family);
        assertThat(helped).as(line).contains(family);
        assertThat(samples.add(line.substring(0, line.lastIndexOf(' ')))).as(line).isTrue();
      }
    }
    assertThat(helped).hasSizeGreaterThan(25);
  }

  @Test
  void requestsAreCountedByCommandAndEnd() throws Exception {
    server.add(List.of(totals));
    totals.requestEnded(Command.WRITE, 0, 4096, 30_000);
    totals.requestEnded(Command.WRITE, 0, 4096, 20_000_000_000L);
    totals.requestEnded(Command.WRITE, Errno.ENOSPC, 999, 1000);
    totals.requestEnded(Command.READ, 0, 512, 1000);
    totals.requestEnded(Command.WRITE_ZEROES, 0, 1 << 20, 1000);
    assertThat(render(new FakeArray("home")).lines())
        .contains(
            "nbdmirror_requests_total{array=\"home\",result=\"ok\",type=\"write\"} 2.0",
            "nbdmirror_requests_total{array=\"home\",result=\"error\",type=\"write\"} 1.0",
            "nbdmirror_requests_total{array=\"home\",result=\"ok\",type=\"write_zeroes\"} 1.0",
            "nbdmirror_requests_total{array=\"home\",result=\"ok\",type=\"flush\"} 0.0",
            "nbdmirror_written_bytes_total{array=\"home\"} 8192.0",
            "nbdmirror_read_bytes_total{array=\"home\"} 512.0",
            "nbdmirror_request_seconds_bucket{array=\"home\",type=\"write\",le=\"2.5E-5\"} 1",
            "nbdmirror_request_seconds_bucket{array=\"home\",type=\"write\",le=\"1.0E-4\"} 2",
            "nbdmirror_request_seconds_bucket{array=\"home\",type=\"write\",le=\"10.0\"} 2",
            "nbdmirror_request_seconds_bucket{array=\"home\",type=\"write\",le=\"+Inf\"} 3",
            "nbdmirror_request_seconds_count{array=\"home\",type=\"write\"} 3",
            "nbdmirror_request_seconds_sum{array=\"home\",type=\"write\"} 20.000031");
  }

  @Test
  void arraysTellTheirStateMembersBitmapAndResync() throws Exception {
    assertThat(render(new FakeArray("home")).lines())
        .contains(
            "nbdmirror_array_answers{array=\"home\"} 1.0",
            "nbdmirror_array_state{array=\"home\",state=\"degraded\"} 1.0",
            "nbdmirror_array_state{array=\"home\",state=\"clean\"} 0.0",
            "nbdmirror_array_size_bytes{array=\"home\"} 6.7108864E7",
            "nbdmirror_members{array=\"home\",state=\"in-sync\"} 1.0",
            "nbdmirror_members{array=\"home\",state=\"missing\"} 1.0",
            "nbdmirror_members_required{array=\"home\"} 2.0",
            "nbdmirror_member_io_errors_total{array=\"home\",member=\"/m/\\\"0\\\"\",op=\"write\"} 2.0",
            "nbdmirror_writes_behind{array=\"home\",member=\"/m/\\\"0\\\"\"} 3.0",
            "nbdmirror_bitmap_dirty_chunks{array=\"home\"} 5.0",
            "nbdmirror_bitmap_pages_flushed_total{array=\"home\"} 7.0",
            "nbdmirror_bitmap_commits_total{array=\"home\"} 6.0",
            "nbdmirror_resync_bytes_total{array=\"home\"} 4096.0",
            "nbdmirror_resync_done_bytes{array=\"home\"} 3.3554432E7",
            "nbdmirror_resync_bytes_per_second{array=\"home\"} 1000.0",
            "nbdmirror_superblock_updates_total{array=\"home\"} 5.0",
            "nbdmirror_member_failures_total{array=\"home\"} 1.0",
            "nbdmirror_corrected_reads{array=\"home\"} 3.0",
            "nbdmirror_clients 3.0");
  }

  @Test
  void theVersionAndTheJvmAreToldOf() throws Exception {
    assertThat(render(new FakeArray("home")))
        .contains("nbdmirror_build_info{java=", "version=\"1.0\"} 1", "jvm_memory_used_bytes{")
        .contains("process_uptime_seconds");
  }

  @Test
  void anArrayThatIsStuckIsToldOfAndTheOthersAreShown() throws Exception {
    String text =
        new String(
            page.render(
                List.of(new FakeArray("stuck").stuck().served(), new FakeArray("home").served()),
                PATIENCE),
            StandardCharsets.UTF_8);
    assertThat(text.lines())
        .contains(
            "nbdmirror_array_answers{array=\"stuck\"} 0.0",
            "nbdmirror_array_answers{array=\"home\"} 1.0",
            "nbdmirror_bitmap_dirty_chunks{array=\"home\"} 5.0");
  }

  private String render(FakeArray array) throws InterruptedException {
    return new String(page.render(List.of(array.served()), PATIENCE), StandardCharsets.UTF_8);
  }
}
