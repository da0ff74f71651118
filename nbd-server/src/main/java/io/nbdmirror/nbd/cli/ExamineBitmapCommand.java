package io.nbdmirror.nbd.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.nbdmirror.bitmap.format.StoredBitmap;
import io.nbdmirror.raid.superblock.MdSuperblock;
import io.nbdmirror.raid.superblock.MemberInspection;
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

/** Shows a write-intent bitmap. */
@Command(
    name = "examine-bitmap",
    description = "Shows a write-intent bitmap, as mdadm -X does and more; never writes.",
    footer = {
      "",
      "Works on members that are being served, whose bits may be newer in memory.",
      "",
      "Examples:",
      "  nbdmirror examine-bitmap a.img",
      "  nbdmirror examine-bitmap --json /var/lib/bitmaps/data",
    })
final class ExamineBitmapCommand implements Callable<Integer> {
  @Spec private @Nullable CommandSpec spec;

  @Parameters(paramLabel = "FILE|MEMBER", description = "Bitmap file, or member of an array.")
  private String path = "";

  @Option(names = "--json", description = "Print JSON, with md's field names.")
  private boolean json;

  @Override
  public Integer call() throws Exception {
    StoredBitmap bitmap = BitmapFile.isBitmap(path) ? BitmapFile.read(path) : internal();
    PrintWriter out = Objects.requireNonNull(spec).commandLine().getOut();
    if (json) {
      ObjectNode document = ExamineJson.MAPPER.createObjectNode();
      document.put("path", path);
      document.setAll(ExamineJson.of(bitmap));
      out.println(document.toPrettyString());
    } else {
      BitmapText.print(out, path, bitmap);
    }
    return NbdMirrorCommand.EXIT_DONE;
  }

  private StoredBitmap internal() throws IOException, CommandException, InterruptedException {
    MemberInspection member = ExamineCommand.inspect(path);
    if (member.bitmap() != null) {
      return member.bitmap();
    }
    if (member.bitmapProblem() != null) {
      throw new CommandException(member.bitmapProblem());
    }
    throw new CommandException(
        member.superblock().hasFeature(MdSuperblock.FEATURE_BITMAP_OFFSET)
            ? "the bitmap of %s cannot be found".formatted(path)
            : "%s doesn't have bitmap: its array has none, or keeps it in a file".formatted(path));
  }
}
