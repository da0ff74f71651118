package io.nbdmirror.nbd.cli;

import java.io.IOException;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** Takes the bitmap of a running array away. */
@Command(
    name = "remove",
    description = {
      "Takes the write-intent bitmap of a running array away; its file, if it was in one, stays.",
      "Without a bitmap an unclean stop means a full resync."
    },
    footer = {"", "Examples:", "  nbdmirror bitmap remove data"})
final class BitmapRemoveCommand implements Callable<Integer> {
  @Mixin private RunningArray array = new RunningArray();

  @Override
  public Integer call() throws IOException {
    return array.changeBitmap("/bitmap/remove", Map.of());
  }
}
