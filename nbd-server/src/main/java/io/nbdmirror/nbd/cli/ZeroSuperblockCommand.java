package io.nbdmirror.nbd.cli;

import io.nbdmirror.raid.creation.Signature;
import io.nbdmirror.raid.creation.SuperblockRemoval;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Makes members plain files or devices again. */
@Command(
    name = "zero-superblock",
    description = {
      "Removes md's superblocks, and the bitmap with them, from files or block devices.",
      "The data stays. What is in use is refused. Nothing is asked."
    },
    footer = {
      "",
      "Examples:",
      "  nbdmirror zero-superblock old.img",
      "  nbdmirror zero-superblock /dev/sdb1 /dev/sdc1"
    })
final class ZeroSuperblockCommand implements Callable<Integer> {
  @Spec private @Nullable CommandSpec spec;

  @Parameters(arity = "1..*", paramLabel = "MEMBER", description = "A former member of an array.")
  private List<String> members = List.of();

  @Override
  public Integer call() throws IOException, CommandException, InterruptedException {
    PrintWriter out = Objects.requireNonNull(spec).commandLine().getOut();
    try (OpenMembers open = OpenMembers.open(members)) {
      for (String member : members) {
        List<Signature> removed = open.await(answer -> remove(open, member, answer));
        String what = removed.stream().map(Signature::what).collect(Collectors.joining(" and "));
        out.println("%s: removed %s".formatted(member, what));
        out.flush();
      }
    }
    return NbdMirrorCommand.EXIT_DONE;
  }

  private static void remove(
      OpenMembers open, String member, CompletableFuture<List<Signature>> answer) {
    SuperblockRemoval.remove(
        open.device(member),
        (removed, failure) -> {
          if (failure != null) {
            answer.completeExceptionally(failure);
          } else {
            answer.complete(removed);
          }
        });
  }
}
