package io.nbdmirror.nbd.serve;

import io.nbdmirror.io.BlockDevice;
import io.nbdmirror.io.held.HeldFile;
import io.nbdmirror.io.loop.EventLoopScheduler;
import io.nbdmirror.nbd.admin.AdminServer;
import io.nbdmirror.nbd.admin.AdminToken;
import io.nbdmirror.nbd.admin.AdminTokenFile;
import io.nbdmirror.nbd.alert.Alerts;
import io.nbdmirror.nbd.alert.EventProgram;
import io.nbdmirror.nbd.export.Export;
import io.nbdmirror.nbd.export.ExportRegistry;
import io.nbdmirror.nbd.listen.ActivatedSocket;
import io.nbdmirror.nbd.listen.ListenAddress;
import io.nbdmirror.nbd.listen.NbdServer;
import io.nbdmirror.nbd.metrics.MetricsPage;
import io.nbdmirror.nbd.metrics.RequestTotals;
import io.nbdmirror.nbd.metrics.ServerMetrics;
import io.nbdmirror.nbd.scrub.ScrubLog;
import io.nbdmirror.nbd.scrub.ScrubSchedule;
import io.nbdmirror.nbd.scrub.Scrubber;
import io.nbdmirror.nbd.tls.TlsCredentials;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.ZoneId;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Puts a server together: all of it, or nothing and not a byte written. Members are opened and
 * arrays assembled, which only reads; then every address is taken; only then are the arrays
 * started. Used once, on a thread that may wait.
 */
public final class Startup {
  private final ServeOptions options;
  private final Map<String, String> environment;
  private final String version;
  private final Map<Export, RequestTotals> totals = new ConcurrentHashMap<>();

  /** How to give back what has been taken so far, the last first. */
  private final Deque<Runnable> undo = new ArrayDeque<>();

  /**
   * @param environment of the process; says where the admin token goes
   * @param version of this program
   */
  public Startup(ServeOptions options, Map<String, String> environment, String version) {
    this.options = options;
    this.environment = environment;
    this.version = version;
  }

  /**
   * Starts serving.
   *
   * @throws StartException with the sentence of whatever was in the way
   */
  public Server run() throws StartException, InterruptedException {
    boolean done = false;
    try {
      Server server = assemble();
      done = true;
      return server;
    } finally {
      if (!done) {
        undo.forEach(Runnable::run);
      }
    }
  }

  private Server assemble() throws StartException, InterruptedException {
    BitmapKeeper keeper = new BitmapKeeper(options.engine());
    Loops loops = new Loops(Math.max(options.members().size(), options.arrays().size()));
    undo.push(loops::close);
    // After the arrays have given their files back, and before the loops end that do it.
    undo.push(keeper::close);
    TlsCredentials tls = options.nbd().tls().open(options.nbd().access());
    if (tls != null) {
      undo.push(tls::close);
    }
    Alerts alerts = alerts();
    MemberFiles files = new MemberFiles(options.engine(), options.direct(), options.readOnly());
    MemberKeeper members = new MemberKeeper(files);
    undo.push(members::close);
    List<ArrayStart> starts = arrays(loops, files, keeper, alerts);
    starts.forEach(start -> start.exports().forEach(export -> totals.put(export, start.totals())));

    ExportRegistry exports = new ExportRegistry();
    options.nbd().defaultExport().ifPresent(exports::setDefault);
    if (starts.size() == 1 && options.nbd().defaultExport().isEmpty()) {
      exports.setDefault(starts.getFirst().array().name());
    }
    NbdServer clients =
        new NbdServer(
            exports,
            loops.group(),
            totals::get,
            options.nbd().handshake(),
            Descriptors.fit(options.nbd().access()),
            tls);
    undo.push(clients::close);
    clients.keepClientsWaiting();
    List<ListenAddress> listening = listen(clients);
    ServedArrays arrays = new ServedArrays(exports, clients, keeper, members, alerts);
    ServerMetrics metrics =
        new ServerMetrics(() -> clients.clients().size(), alerts.totals(), alerts.calls());
    metrics.add(starts.stream().map(ArrayStart::totals).toList());

    AdminToken token = AdminToken.random();
    AdminServer admin = admin(arrays, metrics, token);
    AdminTokenFile tokenFile = AdminTokenFile.of(admin.address(), environment);
    try {
      tokenFile.write(token);
    } catch (IOException e) {
      throw new StartException(e);
    }
    Scrubber scrubber = scrubber(starts, arrays);
    undo.clear();
    arrays.start(starts);
    scrubber.start();
    clients.takeClients();
    return new Server(
        arrays, clients, listening, admin, tokenFile, token, tls, keeper, members, alerts, scrubber,
        loops);
  }

  private Alerts alerts() throws StartException {
    Path program = options.eventProgram();
    if (program != null && (!Files.isRegularFile(program) || !Files.isExecutable(program))) {
      throw new StartException(
          "the event program %s is not there, or not executable".formatted(program));
    }
    Alerts alerts =
        new Alerts(program == null ? null : new EventProgram(program, EventProgram.Effort.USUAL));
    undo.push(alerts::close);
    return alerts;
  }

  private Scrubber scrubber(List<ArrayStart> starts, ServedArrays arrays) {
    Map<UUID, ScrubSchedule> schedules =
        starts.stream()
            .collect(
                Collectors.toMap(start -> start.array().uuid(), start -> start.options().scrub()));
    boolean root = "root".equals(System.getProperty("user.name"));
    return new Scrubber(
        schedules,
        arrays::arrays,
        new ScrubLog(ScrubLog.folder(environment, root)),
        Clock.system(ZoneId.systemDefault()));
  }

  private List<ArrayStart> arrays(
      Loops loops, MemberFiles files, BitmapKeeper keeper, Alerts alerts)
      throws StartException, InterruptedException {
    List<Selection.Chosen> chosen = Selection.of(options, files, loops.next());
    Map<UUID, String> names =
        chosen.stream()
            .map(Selection.Chosen::plan)
            .collect(Collectors.toMap(ArrayPlan::uuid, ArrayPlan::name));
    Map<UUID, String> bitmaps =
        BitmapFiles.identify(options.bitmapFiles(), names, loops.next(), options.engine());
    ExportPlan exports =
        ExportPlan.of(chosen.stream().map(Selection.Chosen::plan).toList(), options.nbd());
    List<ArrayStart> starts = new ArrayList<>();
    for (Selection.Chosen array : chosen) {
      EventLoopScheduler loop = loops.next();
      ArrayStart start =
          array(array, bitmaps.get(array.plan().uuid()), exports, files, keeper, alerts, loop);
      undo.push(start::giveUp);
      starts.add(start);
    }
    return starts;
  }

  private ArrayStart array(
      Selection.Chosen array,
      @Nullable String bitmapPath,
      ExportPlan exports,
      MemberFiles files,
      BitmapKeeper keeper,
      Alerts alerts,
      EventLoopScheduler loop)
      throws StartException, InterruptedException {
    ArrayPlan plan = array.plan();
    List<BlockDevice> devices = files.open(plan, loop);
    HeldFile bitmapFile = null;
    if (bitmapPath != null) {
      try {
        bitmapFile =
            keeper.open(bitmapPath, options.bitmapWriting(), options.readOnly(), loop, plan.name());
      } catch (StartException e) {
        loop.execute(() -> devices.forEach(BlockDevice::close));
        throw e;
      }
      keeper.awaitAtEnd(bitmapFile);
    }
    ArrayStart start =
        ArrayStart.assemble(
            plan,
            array.options(),
            devices,
            bitmapFile,
            exports.readOnlyNamesOf(plan.name()),
            options.readOnly(),
            alerts,
            loop);
    if (bitmapFile != null && !options.readOnly()) {
      keeper.keep(bitmapFile, start.mirror(), loop);
    }
    return start;
  }

  private List<ListenAddress> listen(NbdServer clients) throws StartException {
    List<ListenAddress> listening = new ArrayList<>();
    try {
      for (ActivatedSocket socket : ActivatedSocket.of(environment)) {
        listening.add(clients.adopt(socket));
      }
      for (ListenAddress address : options.nbd().listen()) {
        listening.add(clients.listen(address));
      }
    } catch (IOException e) {
      throw new StartException(e);
    }
    return listening;
  }

  private AdminServer admin(ServedArrays arrays, ServerMetrics metrics, AdminToken token)
      throws StartException {
    try {
      AdminServer admin =
          AdminServer.start(options.admin(), arrays, new MetricsPage(version, metrics), token);
      undo.push(admin::close);
      return admin;
    } catch (IOException e) {
      throw new StartException(e);
    }
  }
}
