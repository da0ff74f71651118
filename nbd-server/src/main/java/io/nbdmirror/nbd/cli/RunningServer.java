package io.nbdmirror.nbd.cli;

import io.nbdmirror.nbd.admin.AdminAddress;
import io.nbdmirror.nbd.admin.AdminClient;
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
}
