package io.nbdmirror.nbd.cli;

import io.nbdmirror.nbd.admin.AdminAddress;
import io.nbdmirror.nbd.admin.AdminClient;
import io.nbdmirror.nbd.admin.AdminDocuments;
import io.nbdmirror.nbd.admin.AdminJson;
import java.io.IOException;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;

/** Which running server a live command talks to. */
final class RunningServer {
  @Option(
      names = "--admin",
      paramLabel = "HOST:PORT|unix:PATH",
      defaultValue = AdminAddress.DEFAULT,
      converter = AdminConverter.class,
      description = "Where the server's admin API is (default: ${DEFAULT-VALUE}).")
  private AdminAddress admin = AdminAddress.parse(AdminAddress.DEFAULT);

  AdminAddress address() {
    return admin;
  }

  AdminClient client() {
    return new AdminClient(admin, System.getenv());
  }

  /**
   * Has an array changed, waits for it, and says what was done.
   *
   * @param change the last part of the API's path
   * @param body what belongs to it
   * @throws IOException with the server's sentence when it refuses
   */
  int change(CommandSpec command, String array, String change, Object body) throws IOException {
    byte[] answer = client().post(arrayPath(array, change), body);
    AdminDocuments.Changed changed = AdminJson.read(answer, AdminDocuments.Changed.class);
    command
        .commandLine()
        .getOut()
        .println("array %s: %s".formatted(changed.array(), changed.done()));
    return NbdMirrorCommand.EXIT_DONE;
  }

  /** A member's name as the server takes it. */
  static String member(Path path) {
    return path.toAbsolutePath().toString();
  }

  /** The API's path of something about an array. */
  static String arrayPath(String nameOrUuid, String suffix) {
    return "/api/v1/arrays/"
        + URLEncoder.encode(nameOrUuid, StandardCharsets.UTF_8).replace("+", "%20")
        + suffix;
  }
}
