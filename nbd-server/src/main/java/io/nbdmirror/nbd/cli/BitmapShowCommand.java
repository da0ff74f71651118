package io.nbdmirror.nbd.cli;

import io.nbdmirror.nbd.admin.AdminJson;
import io.nbdmirror.nbd.array.ArrayBitmapDocument;
import io.nbdmirror.nbd.array.BitmapDocument;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The bitmap of a running array, as the server has it in memory. */
@Command(
    name = "show",
    description = {
      "Shows the write-intent bitmap of a running array: which bytes are dirty, are being"
          + " resynced, or need it, and a picture of the whole device.",
      "What lies on the medium is shown by examine-bitmap."
    },
    footer = {
      "",
      "Examples:",
      "  nbdmirror bitmap show data",
      "  nbdmirror bitmap show data --json | jq .bitmap.dirtyRanges",
    })
final class BitmapShowCommand implements Callable<Integer> {
  @Mixin private RunningArray array = new RunningArray();

  @Option(names = "--json", description = "One JSON document instead of text.")
  private boolean json;

  @Override
  public Integer call() throws IOException {
    PrintWriter out = array.out();
    byte[] answer = array.get("/bitmap");
    if (json) {
      out.println(new String(answer, StandardCharsets.UTF_8));
      return NbdMirrorCommand.EXIT_DONE;
    }
    ArrayBitmapDocument document = AdminJson.read(answer, ArrayBitmapDocument.class);
    BitmapDocument bitmap = document.bitmap();
    out.println("%s: bitmap %s".formatted(document.array(), document.kind()));
    out.println(
        "  %d of %d chunks of %s are dirty, %d of them being resynced, %d need it"
            .formatted(
                bitmap.dirtyChunks(),
                bitmap.chunks(),
                Amounts.bytes(bitmap.chunksize()),
                bitmap.resyncingChunks(),
                bitmap.needsResyncChunks()));
    out.println(
        "  event %s, cleared up to event %s, cleared every %d s"
            .formatted(bitmap.events(), bitmap.eventsCleared(), bitmap.daemonSleep()));
    BitmapText.printBits(out, bitmap);
    return NbdMirrorCommand.EXIT_DONE;
  }
}
