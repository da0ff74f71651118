package io.nbdmirror.nbd.cli;

import io.nbdmirror.bitmap.format.StoredBitmap;
import io.nbdmirror.raid.superblock.MemberInspection;
import io.nbdmirror.raid.superblock.SuperblockException;
import io.nbdmirror.raid.superblock.SuperblockException.Problem;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** What {@code mdadm --examine-bitmap} tells. */
@Command(
    name = "examine-bitmap",
    description = {
      "Shows a write-intent bitmap in mdadm's words, and which bytes of the array are dirty.",
      "Nothing is written, and a bitmap that is in use may be examined."
    },
    footer = {
      "",
      "Examples:",
      "  nbdmirror examine-bitmap a.img",
      "  nbdmirror examine-bitmap --json array.bitmap | jq .dirtyRanges",
    })
final class ExamineBitmapCommand implements Callable<Integer> {
  @Spec private @Nullable CommandSpec spec;

  @Option(names = "--json", description = "One JSON document instead of text.")
  private boolean json;

  @Parameters(
      paramLabel = "FILE|MEMBER",
      description = "A member that has the bitmap on it, or the file that a bitmap is kept in.")
  private String path = "";

  @Override
  public Integer call() throws IOException, CommandException, InterruptedException {
    PrintWriter out = Objects.requireNonNull(spec).commandLine().getOut();
    StoredBitmap bitmap = bitmap();
    if (json) {
      out.println(ExamineJson.of(bitmap).put("path", path).toPrettyString());
    } else {
      BitmapText.print(out, path, StoredBitmaps.document(bitmap));
    }
    out.flush();
    return NbdMirrorCommand.EXIT_DONE;
  }

  private StoredBitmap bitmap() throws IOException, CommandException, InterruptedException {
    MemberInspection member;
    try (Inspections inspections = new Inspections()) {
      member = inspections.inspect(path);
    } catch (SuperblockException e) {
      if (e.problem() == Problem.ABSENT) {
        return BitmapFile.read(path);
      }
      throw new CommandException(String.valueOf(e.getMessage()));
    }
    StoredBitmap bitmap = member.bitmap();
    if (bitmap != null) {
      return bitmap;
    }
    throw new CommandException(
        member.bitmapProblem() != null
            ? member.bitmapProblem()
            : path + " has no write-intent bitmap: its array keeps none on its members");
  }
}
