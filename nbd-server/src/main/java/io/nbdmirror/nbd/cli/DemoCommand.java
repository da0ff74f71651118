package io.nbdmirror.nbd.cli;

import static java.nio.file.StandardOpenOption.CREATE_NEW;
import static java.nio.file.StandardOpenOption.WRITE;

import io.nbdmirror.io.engine.PoolEngine;
import io.nbdmirror.io.held.Writing;
import io.nbdmirror.nbd.admin.AdminAddress;
import io.nbdmirror.nbd.listen.ListenAddress;
import io.nbdmirror.nbd.serve.ArrayOptions;
import io.nbdmirror.nbd.serve.MemberPath;
import io.nbdmirror.nbd.serve.NbdOptions;
import io.nbdmirror.nbd.serve.ServeOptions;
import io.nbdmirror.nbd.serve.Server;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.RandomAccessFile;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** A mirror of two sparse files, made and served at once. */
@Command(
    name = "demo",
    description = {
      "Makes a mirror of two sparse files of 1 GiB in a folder and serves it; the next time, the"
          + " same files are served again.",
      "Ctrl-C stops it cleanly.",
    },
    footer = {
      "",
      "Examples:",
      "  nbdmirror demo",
      "  nbdmirror demo --dir /tmp/mirror --listen tcp:127.0.0.1:0",
    })
final class DemoCommand implements Callable<Integer> {
  private static final String ARRAY = "demo";
  private static final long MEMBER_BYTES = 1L << 30;

  @Spec private @Nullable CommandSpec spec;

  @Mixin private Verbosity verbosity = new Verbosity();

  @Option(
      names = "--dir",
      paramLabel = "FOLDER",
      defaultValue = "nbdmirror-demo",
      description = "Where the members are, or will be (default: ${DEFAULT-VALUE}).")
  private Path folder = Path.of("nbdmirror-demo");

  @Option(
      names = "--listen",
      paramLabel = "tcp:HOST:PORT|unix:PATH",
      defaultValue = "tcp:127.0.0.1:10809",
      converter = ListenConverter.class,
      description =
          "Where NBD clients connect; port 0 takes a free one (default: ${DEFAULT-VALUE}).")
  private List<ListenAddress> listen = List.of();

  @Option(
      names = "--admin",
      paramLabel = "HOST:PORT|unix:PATH",
      defaultValue = AdminAddress.DEFAULT,
      converter = AdminConverter.class,
      description = "Where status, metrics and stop are asked for (default: ${DEFAULT-VALUE}).")
  private AdminAddress admin = AdminAddress.parse(AdminAddress.DEFAULT);

  @Override
  public Integer call() throws IOException, CommandException, InterruptedException {
    verbosity.apply();
    List<Path> members = List.of(folder.resolve("member-0.img"), folder.resolve("member-1.img"));
    long there = members.stream().filter(Files::exists).count();
    if (there == 1) {
      throw new CommandException(
          "only one of %s and %s is there; remove it to start afresh, or serve it alone with: nbdmirror serve --degraded MEMBER"
              .formatted(members.get(0), members.get(1)));
    }
    if (there == 0 && create(members) != NbdMirrorCommand.EXIT_DONE) {
      return NbdMirrorCommand.EXIT_FAILED;
    }
    PrintWriter out = Objects.requireNonNull(spec).commandLine().getOut();
    Serving.run(
        new ServeOptions(
            members.stream().map(MemberPath::file).toList(),
            List.of(),
            ArrayOptions.USUAL,
            List.of(),
            Writing.AUTO,
            false,
            false,
            new PoolEngine(),
            null,
            NbdOptions.on(listen),
            admin),
        out,
        server -> explain(server, out));
    return NbdMirrorCommand.EXIT_DONE;
  }

  private int create(List<Path> members) throws IOException {
    Files.createDirectories(folder);
    for (Path member : members) {
      Files.newByteChannel(member, CREATE_NEW, WRITE).close();
      try (RandomAccessFile file = new RandomAccessFile(member.toFile(), "rw")) {
        file.setLength(MEMBER_BYTES);
      }
    }
    // Both are holes all over: there is nothing that a first resync could copy.
    return Objects.requireNonNull(spec)
        .root()
        .commandLine()
        .execute(
            "create",
            ARRAY,
            members.get(0).toString(),
            members.get(1).toString(),
            "--assume-clean");
  }

  private void explain(Server server, PrintWriter out) {
    ListenAddress address = server.listening().getFirst();
    String uri = address.uri(ARRAY);
    String live =
        server.adminAddress().toString().equals(AdminAddress.DEFAULT)
            ? ""
            : " --admin " + server.adminAddress();
    out.println();
    out.println("A mirror of two files in " + folder + ". In another terminal:");
    out.println("  nbd-client  " + nbdClient(address));
    out.println(
        "  qemu        qemu-system-x86_64 -drive file=" + uri + ",format=raw,if=virtio ...");
    out.println("  libnbd      nbdinfo " + uri);
    out.println("              nbdcopy disk.img " + uri);
    out.println("  watch it    nbdmirror status --watch" + live);
    out.println("Ctrl-C stops it cleanly; run demo again to go on with the same members.");
    out.flush();
  }

  private static String nbdClient(ListenAddress address) {
    return switch (address.socket()) {
      case InetSocketAddress tcp ->
          "nbd-client -N %s %s %d /dev/nbd0"
              .formatted(ARRAY, tcp.getAddress().getHostAddress(), tcp.getPort());
      default ->
          "nbd-client -N %s -unix %s /dev/nbd0".formatted(ARRAY, address.toString().substring(5));
    };
  }
}
