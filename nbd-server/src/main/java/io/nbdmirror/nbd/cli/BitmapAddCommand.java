package io.nbdmirror.nbd.cli;

import io.nbdmirror.io.held.Writing;
import io.nbdmirror.nbd.admin.AdminDocuments;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Gives a running array a bitmap, or moves the one it has. */
@Command(
    name = "add",
    description = {
      "Gives a running array a write-intent bitmap, or moves the one it has.",
      "The new one is complete and durable before the old one is given up; if that fails,"
          + " everything stays as it was. A file is made and must not exist yet; from then on the"
          + " array is served with --bitmap FILE."
    },
    footer = {
      "",
      "Examples:",
      "  nbdmirror bitmap add data internal",
      "  nbdmirror bitmap add data /var/lib/nbdmirror/data.bitmap --bitmap-chunk 64K",
    })
final class BitmapAddCommand implements Callable<Integer> {
  @Mixin private RunningArray array = new RunningArray();

  @Parameters(
      index = "1",
      paramLabel = "internal|FILE",
      description = "On the members, or in a file on another filesystem of the server's host.")
  private String location = "";

  @Option(
      names = "--bitmap-chunk",
      paramLabel = "BYTES",
      converter = SizeConverter.class,
      description = "Bytes of the array for each bit, a power of two (default: as mdadm chooses).")
  private long chunkBytes;

  @Option(
      names = "--bitmap-io",
      paramLabel = "auto|raw|file",
      defaultValue = "auto",
      converter = WritingConverter.class,
      description =
          "Write FILE at its raw block offsets, or through its filesystem"
              + " (default: ${DEFAULT-VALUE}).")
  private Writing writing = Writing.AUTO;

  @Override
  public Integer call() throws IOException {
    String place =
        location.equals("internal") ? location : Path.of(location).toAbsolutePath().toString();
    return array.changeBitmap(
        "/bitmap/add", new AdminDocuments.NewBitmap(place, chunkBytes, writing));
  }
}
