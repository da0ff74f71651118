package io.nbdmirror.nbd.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import io.nbdmirror.raid.superblock.MemberInspection;
import io.nbdmirror.raid.superblock.SuperblockException;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** What {@code mdadm --examine} tells. */
@Command(
    name = "examine",
    description = {
      "Shows what md keeps on members, in mdadm's words, however damaged it is.",
      "Nothing is written, and members that are being served may be examined."
    },
    footer = {
      "",
      "Examples:",
      "  nbdmirror examine a.img b.img",
      "  nbdmirror examine --json a.img | jq '.[].events'",
    })
final class ExamineCommand implements Callable<Integer> {
  @Spec private @Nullable CommandSpec spec;

  @Option(names = "--json", description = "One JSON array, an object a member, instead of text.")
  private boolean json;

  @Parameters(arity = "1..*", paramLabel = "MEMBER", description = "A member of an array.")
  private List<String> members = List.of();

  @Override
  public Integer call() throws IOException, InterruptedException {
    CommandSpec command = Objects.requireNonNull(spec);
    PrintWriter out = command.commandLine().getOut();
    PrintWriter err = command.commandLine().getErr();
    ArrayNode examined = ExamineJson.MAPPER.createArrayNode();
    int status = NbdMirrorCommand.EXIT_DONE;
    try (Inspections inspections = new Inspections()) {
      for (String member : members) {
        try {
          MemberInspection inspection = inspections.inspect(member);
          if (json) {
            examined.add(ExamineJson.of(inspection));
          } else {
            ExamineText.print(out, inspection);
            out.flush();
          }
        } catch (IOException | SuperblockException e) {
          err.println("nbdmirror: " + e.getMessage());
          status = NbdMirrorCommand.EXIT_FAILED;
        }
      }
    }
    if (json) {
      out.println(examined.toPrettyString());
      out.flush();
    }
    return status;
  }
}
