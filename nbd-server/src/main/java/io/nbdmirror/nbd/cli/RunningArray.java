package io.nbdmirror.nbd.cli;

import io.nbdmirror.nbd.admin.AdminDocuments;
import io.nbdmirror.nbd.admin.AdminJson;
import java.io.IOException;
import java.io.PrintWriter;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Which array of which running server a live command is about. */
final class RunningArray {
  @Spec(Spec.Target.MIXEE)
  private @Nullable CommandSpec command;

  @Mixin private RunningServer server = new RunningServer();

  @Parameters(index = "0", paramLabel = "ARRAY", description = "Its name or UUID.")
  private String nameOrUuid = "";

  /**
   * Has the array changed, waits for it, and says what was done.
   *
   * @param change the last part of the API's path
   * @param body what belongs to it
   * @throws IOException with the server's sentence when it refuses
   */
  int change(String change, Object body) throws IOException {
    byte[] answer = server.client().post(path(nameOrUuid, change), body);
    AdminDocuments.Changed changed = AdminJson.read(answer, AdminDocuments.Changed.class);
    out().println("array %s: %s".formatted(changed.array(), changed.done()));
    return NbdMirrorCommand.EXIT_DONE;
  }

  /** As {@link #change}, of its bitmap. */
  int changeBitmap(String change, Object body) throws IOException {
    byte[] answer = server.client().post(path(nameOrUuid, change), body);
    AdminDocuments.BitmapChanged changed =
        AdminJson.read(answer, AdminDocuments.BitmapChanged.class);
    out().println("array %s: bitmap %s".formatted(changed.array(), changed.bitmap()));
    return NbdMirrorCommand.EXIT_DONE;
  }

  /** The document behind this part of the API's path. */
  byte[] get(String suffix) throws IOException {
    return server.client().get(path(nameOrUuid, suffix));
  }

  /** Where the command prints. */
  PrintWriter out() {
    return Objects.requireNonNull(command).commandLine().getOut();
  }

  /** A member's name as the server takes it. */
  static String member(Path path) {
    return path.toAbsolutePath().toString();
  }

  /** The API's path of something about an array. */
  static String path(String nameOrUuid, String suffix) {
    return "/api/v1/arrays/"
        + URLEncoder.encode(nameOrUuid, StandardCharsets.UTF_8).replace("+", "%20")
        + suffix;
  }
}
