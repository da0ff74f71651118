package io.nbdmirror.nbd.cli;

import io.nbdmirror.io.held.Writing;
import io.nbdmirror.nbd.array.BitmapDocument;
import io.nbdmirror.raid.creation.ArrayCreation;
import io.nbdmirror.raid.creation.ArrayCreation.Slot;
import io.nbdmirror.raid.creation.ArrayLayout;
import io.nbdmirror.raid.creation.CreationException;
import io.nbdmirror.raid.creation.NewArray;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Makes a mirror of files or block devices. */
@Command(
    name = "create",
    description = {
      "Makes a mirror of existing files or block devices, as 'mdadm --create' would.",
      "A member that already carries something is refused, and no member is touched."
    },
    footer = {
      "",
      "Examples:",
      "  truncate -s 1G a.img b.img",
      "  nbdmirror create data a.img b.img",
      "  nbdmirror create data /dev/sdb1 missing",
      "  nbdmirror create data a.img b.img --bitmap-chunk 1M --size 512M",
      "  nbdmirror create data ssd.img hdd.img --write-mostly hdd.img",
      "  nbdmirror create data /dev/sdb /dev/sdc --bitmap /var/lib/nbdmirror/data.bitmap",
    })
final class CreateCommand implements Callable<Integer> {
  private static final String MISSING = "missing";

  private static final String INTERNAL = "internal";
  private static final String NONE = "none";

  @Spec private @Nullable CommandSpec spec;

  @Parameters(
      index = "0",
      paramLabel = "NAME",
      description = "The array's name, and its export's: at most 32 bytes.")
  private String name = "";

  @Parameters(
      index = "1..*",
      arity = "1..*",
      paramLabel = "MEMBER",
      description = "What holds the copies, 1 to 16; 'missing' leaves a slot empty for now.")
  private List<String> members = List.of();

  @Option(
      names = "--size",
      paramLabel = "BYTES",
      converter = SizeConverter.class,
      description = "Bytes used on each member, K, M, G, T allowed (default: what fits on all).")
  private long sizeBytes;

  @Option(
      names = "--bitmap",
      paramLabel = "internal|none|FILE",
      description =
          "Where the write-intent bitmap is kept: on the members, nowhere, or in a file on another"
              + " filesystem, which is made (default: ${DEFAULT-VALUE}).")
  private String bitmap = INTERNAL;

  @Option(
      names = "--bitmap-io",
      paramLabel = "auto|raw|file",
      defaultValue = "auto",
      converter = WritingConverter.class,
      description =
          "raw: make the bitmap file only where it can be written at its raw block offsets"
              + " (default: ${DEFAULT-VALUE}).")
  private Writing writing = Writing.AUTO;

  @Option(
      names = "--bitmap-chunk",
      paramLabel = "BYTES",
      converter = SizeConverter.class,
      description = "Bytes of the array for each bit, a power of two (default: 64M or more).")
  private long bitmapChunkBytes;

  @Option(
      names = "--delay",
      paramLabel = "SECONDS",
      converter = SecondsConverter.class,
      description = "How often idle bits are cleared (default: 5s).")
  private long delaySeconds = NewArray.DEFAULT_DAEMON_SLEEP_SECONDS;

  @Option(
      names = "--metadata",
      paramLabel = "1.2|1.1|1.0",
      description = "md's metadata version; 1.0 is at the end (default: ${DEFAULT-VALUE}).")
  private String metadata = "1.2";

  @Option(
      names = "--assume-clean",
      description = "The members are the same already: leave out the first resync.")
  private boolean assumeClean;

  @Option(
      names = "--write-mostly",
      paramLabel = "MEMBER",
      description = "Read from this member only when no other can be read; may be repeated.")
  private List<String> writeMostly = List.of();

  @Option(
      names = "--write-behind",
      paramLabel = "N",
      description = "Up to N writes may be outstanding on write-mostly members (default: none).")
  private int writeBehind;

  @Option(
      names = "--preallocate",
      description =
          "Take the room of all data from the filesystem now, and zero it: then no write can run out"
              + " of space.")
  private boolean preallocate;

  @Option(names = "--force", description = "Overwrite members that already carry something.")
  private boolean force;

  @Override
  public Integer call() throws IOException, CommandException, InterruptedException {
    requireWriteMostlyMembers();
    NewArray array = array();
    List<String> present = members.stream().filter(each -> !each.equals(MISSING)).toList();
    try (OpenMembers open = OpenMembers.open(present)) {
      ArrayLayout layout;
      try (NewBitmapFile file = bitmapFile(array, slots(open))) {
        layout = open.await(answer -> create(array, open, answer));
        file.keep();
      }
      report(array, layout, present);
    }
    return NbdMirrorCommand.EXIT_DONE;
  }

  private boolean isInFile() {
    return !bitmap.equals(INTERNAL) && !bitmap.equals(NONE);
  }

  /** The bitmap is there before any superblock counts on it. */
  private NewBitmapFile bitmapFile(NewArray array, List<Slot> slots)
      throws IOException, CommandException, InterruptedException {
    if (!isInFile()) {
      return NewBitmapFile.NONE;
    }
    try {
      return NewBitmapFile.make(bitmap, ArrayCreation.bitmapFor(array, slots), writing, force);
    } catch (CreationException e) {
      throw new CommandException(String.valueOf(e.getMessage()));
    }
  }

  private List<Slot> slots(OpenMembers open) {
    List<Slot> slots = new ArrayList<>();
    for (String member : members) {
      slots.add(
          member.equals(MISSING)
              ? new Slot(null, false)
              : new Slot(open.device(member), writeMostly.contains(member)));
    }
    return slots;
  }

  private void create(NewArray array, OpenMembers open, CompletableFuture<ArrayLayout> answer) {
    ArrayCreation.create(
        array,
        slots(open),
        force,
        preallocate,
        open.wallClockMicros(),
        (layout, failure) -> {
          if (failure != null) {
            answer.completeExceptionally(failure);
          } else {
            answer.complete(layout);
          }
        });
  }

  private NewArray array() {
    int minorVersion =
        switch (metadata) {
          case "1.0" -> 0;
          case "1.1" -> 1;
          case "1.2" -> 2;
          default -> throw usage("--metadata takes 1.2, 1.1 or 1.0, not '%s'".formatted(metadata));
        };
    return new NewArray(
        name,
        UUID.randomUUID(),
        minorVersion,
        sizeBytes,
        bitmapPlace(),
        bitmapChunkBytes,
        delaySeconds,
        writeBehind,
        assumeClean,
        members.stream().map(each -> UUID.randomUUID()).toList());
  }

  private NewArray.Bitmap bitmapPlace() {
    return switch (bitmap) {
      case INTERNAL -> NewArray.Bitmap.INTERNAL;
      case NONE -> NewArray.Bitmap.NONE;
      default -> NewArray.Bitmap.FILE;
    };
  }

  private void requireWriteMostlyMembers() {
    for (String each : writeMostly) {
      if (each.equals(MISSING) || !members.contains(each)) {
        throw usage("--write-mostly names '%s', which is none of the members".formatted(each));
      }
    }
  }

  private ParameterException usage(String sentence) {
    return new ParameterException(Objects.requireNonNull(spec).commandLine(), sentence);
  }

  private void report(NewArray array, ArrayLayout layout, List<String> present) {
    PrintWriter out = Objects.requireNonNull(spec).commandLine().getOut();
    out.println("created array " + name);
    out.println("  uuid      " + BitmapDocument.mdText(array.uuid()));
    out.println("  metadata  " + metadata);
    out.println("  size      %d bytes on each member".formatted(layout.sizeBytes()));
    out.println(
        bitmap.equals(NONE)
            ? "  bitmap    none: an unclean stop means a full resync"
            : "  bitmap    %s, %d bytes a bit".formatted(bitmap, layout.bitmapChunkBytes()));
    for (int slot = 0; slot < members.size(); slot++) {
      String member = members.get(slot);
      String flag = writeMostly.contains(member) ? ", write-mostly" : "";
      out.println("  slot %-4d %s%s".formatted(slot, member, flag));
    }
    out.println("serve it with:");
    String file = isInFile() ? "--bitmap " + ShellWords.join(List.of(bitmap)) + " " : "";
    out.println("  nbdmirror serve " + file + ShellWords.join(present));
    out.flush();
  }
}
