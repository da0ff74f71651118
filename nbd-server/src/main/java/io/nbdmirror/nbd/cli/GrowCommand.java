package io.nbdmirror.nbd.cli;

import io.nbdmirror.nbd.admin.AdminDocuments;
import java.io.IOException;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Changes how many members an array has, or how long it is. */
@Command(
    name = "grow",
    description = {
      "Changes how many members make a running array complete: one more is a further mirror, which a",
      "spare takes or add fills; one fewer takes the last slot away, which must be empty.",
      "Or makes it longer, after the devices of all its members have grown. New connections see the",
      "new size at once; docs/growing.md says what each client must do."
    },
    footer = {
      "",
      "Examples:",
      "  nbdmirror add data /dev/sdd && nbdmirror grow data --raid-devices 3",
      "  truncate -s 200G m0.img m1.img && nbdmirror grow data --size max",
    })
final class GrowCommand implements Callable<Integer> {
  @Mixin private RunningArray array = new RunningArray();

  @ArgGroup(multiplicity = "1")
  private @Nullable What what;

  @Option(
      names = "--force",
      description = "Shrink the array; what lies behind the new size is lost.")
  private boolean force;

  /** One of the two. */
  private static final class What {
    @Option(
        names = "--raid-devices",
        paramLabel = "N",
        description = "How many members the complete array has, 1 to 16.")
    private @Nullable Integer raidDevices;

    @Option(
        names = "--size",
        paramLabel = "BYTES",
        converter = MaxSizeConverter.class,
        description = "How long it is to be, K, M, G, T allowed; max for what its members allow.")
    private @Nullable Long sizeBytes;
  }

  /** {@code max} is as much as there is room for. */
  static final class MaxSizeConverter implements ITypeConverter<Long> {
    @Override
    public Long convert(String text) {
      return text.equals("max") ? 0L : new SizeConverter().convert(text);
    }
  }

  @Override
  public Integer call() throws IOException {
    What wanted = Objects.requireNonNull(what);
    return array.change(
        "/grow", new AdminDocuments.Growth(wanted.raidDevices, wanted.sizeBytes, force));
  }
}
