package io.nbdmirror.nbd.cli;

import java.io.IOException;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** Has the members of a running array compared. */
@Command(
    name = "check",
    description = {
      "Has the members of a running array compared, while it is used, and writes nothing. Where they",
      "differ is in status and detail, by bytes. A check that idle stopped goes on where it was."
    },
    footer = {
      "",
      "Examples:",
      "  nbdmirror check data && nbdmirror status --watch",
    })
final class CheckCommand implements Callable<Integer> {
  @Mixin private RunningArray array = new RunningArray();

  @Override
  public Integer call() throws IOException {
    return array.change("/check", Map.of());
  }
}
