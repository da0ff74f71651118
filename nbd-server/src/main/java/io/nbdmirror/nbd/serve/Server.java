package io.nbdmirror.nbd.serve;

import io.nbdmirror.nbd.admin.AdminAddress;
import io.nbdmirror.nbd.admin.AdminServer;
import io.nbdmirror.nbd.admin.AdminToken;
import io.nbdmirror.nbd.admin.AdminTokenFile;
import io.nbdmirror.nbd.alert.Alerts;
import io.nbdmirror.nbd.listen.ListenAddress;
import io.nbdmirror.nbd.listen.NbdServer;
import io.nbdmirror.nbd.scrub.Scrubber;
import io.nbdmirror.nbd.tls.TlsCredentials;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.ExecutionException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A server that runs. Any thread may ask it to stop; one thread, which must not be a loop, waits
 * for the end and takes the server apart: connections, admin address, token, loops.
 */
public final class Server {
  private static final Logger log = LoggerFactory.getLogger(Server.class);

  private final ServedArrays arrays;
  private final NbdServer clients;
  private final List<ListenAddress> listening;
  private final AdminServer admin;
  private final AdminTokenFile tokenFile;
  private final AdminToken token;
  private final @Nullable TlsCredentials tls;
  private final BitmapKeeper keeper;
  private final MemberKeeper members;
  private final Alerts alerts;
  private final Scrubber scrubber;
  private final Loops loops;

  Server(
      ServedArrays arrays,
      NbdServer clients,
      List<ListenAddress> listening,
      AdminServer admin,
      AdminTokenFile tokenFile,
      AdminToken token,
      @Nullable TlsCredentials tls,
      BitmapKeeper keeper,
      MemberKeeper members,
      Alerts alerts,
      Scrubber scrubber,
      Loops loops) {
    this.arrays = arrays;
    this.clients = clients;
    this.listening = List.copyOf(listening);
    this.admin = admin;
    this.tokenFile = tokenFile;
    this.token = token;
    this.tls = tls;
    this.keeper = keeper;
    this.members = members;
    this.alerts = alerts;
    this.scrubber = scrubber;
    this.loops = loops;
  }

  /** Where NBD clients connect, with the ports there really are. */
  public List<ListenAddress> listening() {
    return listening;
  }

  /** Where the admin API is, with the port it really has. */
  public AdminAddress adminAddress() {
    return admin.address();
  }

  /** Asks it to stop cleanly; returns at once. */
  public void stop() {
    var _ = arrays.stop();
  }

  /**
   * Waits until all arrays have stopped, then gives everything back.
   *
   * @return why arrays could not be left clean, a sentence each; empty when all is well
   */
  public List<String> awaitEnd() throws InterruptedException {
    try {
      arrays.stopped().get();
    } catch (ExecutionException _) {
      log.debug("not every array stopped cleanly");
    }
    scrubber.close();
    clients.close();
    admin.close();
    try {
      tokenFile.remove(token);
    } catch (IOException e) {
      log.warn("cannot remove the admin token {}: {}", tokenFile.path(), e.toString());
    }
    if (tls != null) {
      tls.close();
    }
    members.close();
    keeper.close();
    alerts.close();
    loops.close();
    log.info("stopped");
    return List.copyOf(arrays.failures());
  }
}
