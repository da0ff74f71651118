package io.nbdmirror.nbd.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.nbdmirror.io.BlockDevice;
import io.nbdmirror.raid.superblock.MemberInspection;
import java.io.IOException;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Shows the superblocks of members. */
@Command(
    name = "examine",
    description = "Shows the md superblock of members, as mdadm -E does and more; never writes.",
    footer = {
      "",
      "Works on members that are being served. Exit status 1 when one can't be examined.",
      "",
      "Examples:",
      "  nbdmirror examine a.img b.img",
      "  nbdmirror examine --json a.img",
    })
final class ExamineCommand implements Callable<Integer> {
  @Spec private @Nullable CommandSpec spec;

  @Parameters(arity = "1..*", paramLabel = "MEMBER", description = "File or block device.")
  private List<String> members = List.of();

  @Option(names = "--json", description = "Print JSON, with md's field names.")
  private boolean json;

  @Override
  public Integer call() throws Exception {
    CommandLine command = Objects.requireNonNull(spec).commandLine();
    ArrayNode all = ExamineJson.MAPPER.createArrayNode();
    boolean failed = false;
    for (String member : members) {
      try {
        MemberInspection inspection = inspect(member);
        if (json) {
          all.add(ExamineJson.of(inspection));
        } else {
          ExamineText.print(command.getOut(), inspection);
        }
      } catch (CommandException | IOException e) {
        failed = true;
        command.getErr().println("nbdmirror: " + e.getMessage());
        all.addObject().put("path", member).put("error", e.getMessage());
      }
    }
    if (json) {
      ObjectNode document = ExamineJson.MAPPER.createObjectNode();
      document.set("members", all);
      command.getOut().println(document.toPrettyString());
    }
    return failed ? NbdMirrorCommand.EXIT_FAILED : NbdMirrorCommand.EXIT_DONE;
  }

  /** Reads what md keeps on a member, whoever else uses it. */
  static MemberInspection inspect(String path)
      throws IOException, CommandException, InterruptedException {
    try (OpenMembers open = OpenMembers.toLookAt(path)) {
      BlockDevice device = open.device(path);
      return open.await(answer ->
          MemberInspection.of(
              device,
              (inspection, failure) -> {
                if (failure != null) {
                  answer.completeExceptionally(failure);
                } else {
                  answer.complete(inspection);
                }
              }));
    }
  }
}
