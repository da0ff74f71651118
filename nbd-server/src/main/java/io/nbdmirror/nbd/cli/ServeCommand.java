package io.nbdmirror.nbd.cli;

import io.nbdmirror.io.engine.IoEngine;
import io.nbdmirror.io.engine.PoolEngine;
import io.nbdmirror.io.held.Writing;
import io.nbdmirror.nbd.admin.AdminAddress;
import io.nbdmirror.nbd.serve.ArrayChoice;
import io.nbdmirror.nbd.serve.ArrayOptions;
import io.nbdmirror.nbd.serve.MemberPath;
import io.nbdmirror.nbd.serve.ServeOptions;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Assembles arrays by their members' superblocks and serves them. */
@Command(
    name = "serve",
    description = {
      "Assembles arrays from their members and serves them over NBD, until it is stopped.",
      "Members of several arrays may be given, in any order: they are told apart by their"
          + " superblocks. All arrays start or none does. An array's export is named as the array;"
          + " the only array is also the default export.",
      "TERM, INT and the stop command stop it cleanly; a second signal stops it at once.",
    },
    footer = {
      "",
      "Examples:",
      "  nbdmirror serve a.img b.img",
      "  nbdmirror serve --listen unix:/run/data.sock --listen tcp:127.0.0.1:0 /dev/sdb /dev/sdc",
      "  nbdmirror serve --degraded a.img",
      "  nbdmirror serve --config /etc/nbdmirror.toml",
      "  nbdmirror serve --listen unix:/run/data.sock,mode=0660,group=kvm a.img b.img",
      "  nbdmirror serve --listen tcp:[::]:10809 --tls-certificates /etc/pki/nbd a.img b.img",
      "  nbdmirror serve --read-only-export backup --export-connections backup=4 a.img b.img",
      "  nbdmirror serve --bitmap /var/lib/nbdmirror/data.bitmap /dev/sdb /dev/sdc",
    })
final class ServeCommand implements Callable<Integer> {
  /** Who does the members' input and output. */
  enum IoChoice {
    AUTO,
    POOL;

    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  @Spec private @Nullable CommandSpec spec;

  @Mixin private Verbosity verbosity = new Verbosity();

  @Mixin private ArrayFlags arrayFlags = new ArrayFlags();

  @Parameters(arity = "0..*", paramLabel = "MEMBER", description = "Files or block devices.")
  private List<Path> members = List.of();

  @Option(
      names = "--on-event",
      paramLabel = "PROGRAM",
      description =
          "Run PROGRAM EVENT ARRAY [MEMBER] for every change of an array or member, as 'mdadm"
              + " --monitor --program' does.")
  private @Nullable Path onEvent;

  @Option(
      names = "--config",
      paramLabel = "FILE",
      description =
          "Take members and flags from this file; what is on the command line goes before it.")
  private @Nullable Path config;

  @Option(
      names = "--check-config",
      description = "Only say whether the file given by --config is right.")
  private boolean checkConfig;

  @Mixin private NbdFlags nbd = new NbdFlags();

  @Option(
      names = "--admin",
      paramLabel = "HOST:PORT|unix:PATH",
      defaultValue = AdminAddress.DEFAULT,
      converter = AdminConverter.class,
      description = "Where status, metrics and stop are asked for (default: ${DEFAULT-VALUE}).")
  private AdminAddress admin = AdminAddress.parse(AdminAddress.DEFAULT);

  @Option(
      names = "--bitmap",
      paramLabel = "FILE",
      description =
          "A file that holds an array's write-intent bitmap; it belongs to the array whose UUID it"
              + " carries; may be given several times.")
  private List<Path> bitmaps = List.of();

  @Option(
      names = "--bitmap-io",
      paramLabel = "auto|raw|file",
      defaultValue = "auto",
      converter = WritingConverter.class,
      description =
          "Write bitmap files at their raw block offsets, or through their filesystem; auto takes"
              + " raw where that is safe and permitted (default: ${DEFAULT-VALUE}).")
  private Writing bitmapWriting = Writing.AUTO;

  @Option(names = "--read-only", description = "Write nothing to any member, not even a resync.")
  private boolean readOnly;

  @Option(
      names = "--io",
      paramLabel = "auto|pool",
      defaultValue = "auto",
      description = "Who does the members' input and output (default: ${DEFAULT-VALUE}).")
  private IoChoice io = IoChoice.AUTO;

  @Option(names = "--direct", description = "Go past the members' page cache.")
  private boolean direct;

  @Override
  public Integer call() throws CommandException, InterruptedException {
    CommandSpec command = Objects.requireNonNull(spec);
    List<MemberPath> files = members.stream().map(MemberPath::file).toList();
    List<ArrayChoice> arrays = List.of();
    Path file = config;
    if (file != null) {
      ServeConfig configured = new ServeConfig(file, command);
      configured.applyFlags();
      List<MemberPath> configuredFiles = configured.members();
      files = files.isEmpty() ? configuredFiles : files;
      arrays = configured.arrays();
    } else if (checkConfig) {
      throw usage("--check-config needs a --config FILE to check");
    }
    if (files.isEmpty() && arrays.stream().allMatch(array -> array.members().isEmpty())) {
      throw usage("which members? name them, or a --config FILE that does");
    }
    ServeOptions options = options(files, arrays);
    if (checkConfig) {
      command.commandLine().getOut().println(file + " is right");
      return NbdMirrorCommand.EXIT_DONE;
    }
    verbosity.apply();
    Serving.run(options, announcements(), _ -> {});
    return NbdMirrorCommand.EXIT_DONE;
  }

  private ServeOptions options(List<MemberPath> files, List<ArrayChoice> arrays)
      throws CommandException {
    Path program = onEvent;
    ArrayOptions usual;
    try {
      usual = arrayFlags.options();
    } catch (IllegalArgumentException e) {
      throw usage(String.valueOf(e.getMessage()));
    }
    return new ServeOptions(
        files,
        arrays,
        usual,
        absolute(bitmaps),
        bitmapWriting,
        readOnly,
        direct,
        engine(),
        program == null ? null : program.toAbsolutePath(),
        nbd.options(),
        admin);
  }

  /** Whoever hands over sockets prints on stdout what it has been asked for. */
  private PrintWriter announcements() throws CommandException {
    CommandLine commandLine = Objects.requireNonNull(spec).commandLine();
    return NbdFlags.isActivated() ? commandLine.getErr() : commandLine.getOut();
  }

  private ParameterException usage(String sentence) {
    return new ParameterException(Objects.requireNonNull(spec).commandLine(), sentence);
  }

  private static List<String> absolute(List<Path> paths) {
    return paths.stream().map(path -> path.toAbsolutePath().toString()).toList();
  }

  private IoEngine engine() {
    return switch (io) {
      case AUTO, POOL -> new PoolEngine();
    };
  }
}
