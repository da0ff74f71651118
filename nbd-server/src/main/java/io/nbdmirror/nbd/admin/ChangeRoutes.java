package io.nbdmirror.nbd.admin;

import io.nbdmirror.nbd.array.MemberName;
import io.nbdmirror.nbd.array.ServedArray;
import io.nbdmirror.raid.status.ArrayStatus;
import io.netty.handler.codec.http.HttpResponseStatus;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** What may be changed about a running array and its members. Runs on threads that may wait. */
final class ChangeRoutes {
  private final Control control;
  private final ArrayLookup lookup;

  ChangeRoutes(Control control, ArrayLookup lookup) {
    this.control = control;
    this.lookup = lookup;
  }

  void addTo(AdminRoutes routes) {
    routes
        .post("/api/v1/arrays/{array}/members/fail", this::fail)
        .post("/api/v1/arrays/{array}/members/remove", this::remove)
        .post("/api/v1/arrays/{array}/members/add", this::add)
        .post("/api/v1/arrays/{array}/members/re-add", this::reAdd)
        .post("/api/v1/arrays/{array}/members/replace", this::replace)
        .post("/api/v1/arrays/{array}/members/set", this::set)
        .post("/api/v1/arrays/{array}/grow", this::grow)
        .post("/api/v1/arrays/{array}/check", this::check)
        .post("/api/v1/arrays/{array}/repair", this::repair)
        .post("/api/v1/arrays/{array}/idle", this::idle)
        .post("/api/v1/arrays/{array}/speed", this::speed);
  }

  private AdminReply fail(AdminRequest request) throws AdminException, InterruptedException {
    ServedArray array = lookup.array(request);
    String member = member(array, request.document(AdminDocuments.OneMember.class).member());
    return changed(array, (engine, done) -> engine.failMember(member, done), member + " is faulty");
  }

  private AdminReply remove(AdminRequest request) throws AdminException, InterruptedException {
    ServedArray array = lookup.array(request);
    String member = member(array, request.document(AdminDocuments.OneMember.class).member());
    return changed(
        array, (engine, done) -> engine.removeMember(member, done), member + " is removed");
  }

  private AdminReply add(AdminRequest request) throws AdminException, InterruptedException {
    AdminDocuments.OneMember wanted = request.document(AdminDocuments.OneMember.class);
    ServedArray array = lookup.array(request);
    return told(array, control.addMember(array, path("member", wanted.member()), wanted.force()));
  }

  private AdminReply reAdd(AdminRequest request) throws AdminException, InterruptedException {
    AdminDocuments.OneMember wanted = request.document(AdminDocuments.OneMember.class);
    ServedArray array = lookup.array(request);
    return told(array, control.reAddMember(array, path("member", wanted.member())));
  }

  private AdminReply replace(AdminRequest request) throws AdminException, InterruptedException {
    AdminDocuments.Replacement wanted = request.document(AdminDocuments.Replacement.class);
    ServedArray array = lookup.array(request);
    String old = member(array, wanted.member());
    return told(array, control.replaceMember(array, old, path("by", wanted.by()), wanted.force()));
  }

  private AdminReply set(AdminRequest request) throws AdminException, InterruptedException {
    AdminDocuments.MemberFlags flags = request.document(AdminDocuments.MemberFlags.class);
    ServedArray array = lookup.array(request);
    String member = member(array, flags.member());
    Boolean writeMostly = flags.writeMostly();
    if (writeMostly == null) {
      throw bad("writeMostly is true or false");
    }
    return changed(
        array,
        (engine, done) -> engine.setWriteMostly(member, writeMostly, done),
        member + (writeMostly ? " is write-mostly" : " is read like the others"));
  }

  private AdminReply grow(AdminRequest request) throws AdminException, InterruptedException {
    AdminDocuments.Growth wanted = request.document(AdminDocuments.Growth.class);
    Integer raidDevices = wanted.raidDevices();
    Long sizeBytes = wanted.sizeBytes();
    ServedArray array = lookup.array(request);
    if (sizeBytes != null && raidDevices == null) {
      return resize(array, sizeBytes, wanted.force());
    }
    if (raidDevices == null || sizeBytes != null) {
      throw bad("raidDevices is how many members the complete array has, or sizeBytes its size");
    }
    return changed(
        array,
        (engine, done) -> engine.setSlots(raidDevices, done),
        "%d members make it complete".formatted(raidDevices));
  }

  private AdminReply check(AdminRequest request) throws AdminException, InterruptedException {
    request.requireEmptyBody();
    return changed(
        lookup.array(request), (engine, done) -> engine.check(done), "members are being compared");
  }

  private AdminReply repair(AdminRequest request) throws AdminException, InterruptedException {
    String from =
        request.hasBody() ? request.document(AdminDocuments.RepairSource.class).from() : null;
    ServedArray array = lookup.array(request);
    String path = from == null ? null : member(array, from);
    return changed(
        array,
        (engine, done) -> engine.repair(path, done),
        path == null
            ? "members are being made the same"
            : "members are being made the same as " + path);
  }

  private AdminReply idle(AdminRequest request) throws AdminException, InterruptedException {
    request.requireEmptyBody();
    return changed(
        lookup.array(request), (engine, done) -> engine.idle(done), "nothing is compared any more");
  }

  private AdminReply speed(AdminRequest request) throws AdminException, InterruptedException {
    AdminDocuments.SyncSpeed speed = request.document(AdminDocuments.SyncSpeed.class);
    Long min = speed.minBytesPerSecond();
    Long max = speed.maxBytesPerSecond();
    ServedArray array = lookup.array(request);
    if (min == null || max == null || min < 0 || max <= 0 || max < min) {
      throw bad("minBytesPerSecond is 0 or more, and maxBytesPerSecond above 0 and no less");
    }
    return changed(
        array,
        (engine, done) -> {
          engine.setSyncSpeed(min, max);
          done.completed(null);
        },
        max == Long.MAX_VALUE
            ? "%d bytes a second and up".formatted(min)
            : "%d to %d bytes a second".formatted(min, max));
  }

  private AdminReply resize(ServedArray array, long sizeBytes, boolean force)
      throws AdminException, InterruptedException {
    boolean shrinks = sizeBytes != 0 && sizeBytes < lookup.status(array).sizeBytes();
    if (shrinks
        && control.clients().stream().anyMatch(client -> client.export().equals(array.name()))) {
      throw new AdminException(
          HttpResponseStatus.CONFLICT,
          "array %s has clients: it is shrunk only when nobody is connected to it"
              .formatted(array.name()));
    }
    ArrayLookup.outcome(
        array.change((engine, done) -> engine.grow(sizeBytes, force, done)).thenApply(_ -> ""));
    ArrayStatus now = lookup.status(array);
    String bitmap =
        now.bitmap().chunkBytes() == 0
            ? ""
            : ", in bitmap chunks of %d".formatted(now.bitmap().chunkBytes());
    return AdminReply.json(
        new AdminDocuments.Changed(
            array.name(), "its size is %d bytes%s".formatted(now.sizeBytes(), bitmap)));
  }

  private AdminReply changed(ServedArray array, ServedArray.Change change, String sentence)
      throws AdminException, InterruptedException {
    return told(array, array.change(change).thenApply(_ -> sentence));
  }

  private static AdminReply told(ServedArray array, CompletableFuture<String> change)
      throws AdminException, InterruptedException {
    return AdminReply.json(new AdminDocuments.Changed(array.name(), ArrayLookup.outcome(change)));
  }

  /** The path that the array knows a member by. */
  private String member(ServedArray array, @Nullable String path)
      throws AdminException, InterruptedException {
    String wanted = path("member", path);
    return MemberName.resolve(lookup.status(array), wanted)
        .orElseThrow(() ->
            new AdminException(
                HttpResponseStatus.NOT_FOUND,
                "%s is no member of array %s".formatted(wanted, array.name())));
  }

  private static String path(String field, @Nullable String path) throws AdminException {
    if (path == null || !path.startsWith("/")) {
      throw bad("%s is the absolute path of a file or block device".formatted(field));
    }
    return path;
  }

  private static AdminException bad(String sentence) {
    return new AdminException(HttpResponseStatus.BAD_REQUEST, sentence);
  }
}
