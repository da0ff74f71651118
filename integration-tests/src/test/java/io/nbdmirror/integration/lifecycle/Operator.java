package io.nbdmirror.integration.lifecycle;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.nbdmirror.integration.process.RunningServer;
import io.nbdmirror.io.held.Writing;
import io.nbdmirror.nbd.admin.AdminAddress;
import io.nbdmirror.nbd.admin.AdminClient;
import io.nbdmirror.nbd.admin.AdminDocuments;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;

/**
 * Does at random what an operator may do to a running array. What it asks for is sensible, but may
 * have become impossible by the time it is asked for: then it is refused, for one of the reasons
 * that are known here; any other refusal fails the test. Used by one thread.
 */
final class Operator {
  private static final long GROWTH_BYTES = 1 << 20;
  private static final int MOST_SLOTS = 4;

  /** One step in so many is a rest, for what is refused while anything is being copied. */
  private static final int STEPS_TO_REST = 5;

  private static final int MOST_REST_MILLIS = 2500;
  private static final int MOST_PAUSE_MILLIS = 300;

  /** What may be asked for, how often, and on which grounds it may be refused. */
  private enum Verb {
    OUTAGE(0, ""),
    FAIL(4, "the only member of array|has failed already"),
    REMOVE(6, "fail it first"),
    ADD(5, ""),
    RE_ADD(2, "cannot be re-added to array|is a member of array"),
    REPLACE(3, "is not in sync: remove it|is being replaced already"),
    CHECK(2, "in the middle of a|to do first|fewer than two members in sync"),
    REPAIR(2, "in the middle of a|to do first|fewer than two members in sync"),
    IDLE(1, "which goes on by itself"),
    LENGTHEN(4, "grow it when that is done|being changed already"),
    SLOTS(2, "which would go: fail and remove it first"),
    BITMAP(3, "being changed already|when that is done|has no write-intent bitmap"),
    WRITE_MOSTLY(2, "has a resync to do"),
    SPEED(2, "");

    private final int weight;
    private final String refusals;

    Verb(int weight, String refusals) {
      this.weight = weight;
      this.refusals = refusals;
    }
  }

  private static final List<Verb> AFTER_A_REST =
      List.of(Verb.OUTAGE, Verb.CHECK, Verb.REPAIR, Verb.LENGTHEN, Verb.BITMAP);

  private final RunningServer server;
  private final AdminClient admin;
  private final Path folder;
  private final List<Path> files;
  private final SplittableRandom random;
  private boolean rested;
  private final Map<Verb, Integer> done = new TreeMap<>();
  private final Map<Verb, Integer> refused = new TreeMap<>();
  private final List<String> story = new ArrayList<>();
  private long memberBytes;
  private int bitmaps;

  /**
   * @param folder where the server's token is, and where bitmap files are put
   * @param files the members and those that may become members, all equally long
   */
  Operator(
      RunningServer server,
      Path folder,
      List<Path> files,
      long memberBytes,
      SplittableRandom random) {
    this.server = server;
    this.folder = folder;
    this.files = files;
    this.memberBytes = memberBytes;
    this.random = random;
    admin =
        new AdminClient(
            AdminAddress.parse(server.admin()), Map.of("XDG_RUNTIME_DIR", folder.toString()));
  }

  /** How often each verb was done and refused, and the latest of what was asked for. */
  String story() {
    return "done %s, refused %s%n%s"
        .formatted(
            done,
            refused,
            String.join("\n", story.subList(Math.max(0, story.size() - 60), story.size())));
  }

  /**
   * Asks for one thing; what there is nothing to do with is passed over.
   *
   * @return how long to wait before the next
   */
  Duration step() {
    boolean rest = !rested && random.nextInt(STEPS_TO_REST) == 0;
    if (!rest) {
      ask(rested ? AFTER_A_REST.get(random.nextInt(AFTER_A_REST.size())) : draw());
    }
    rested = rest;
    return Duration.ofMillis(random.nextInt(rest ? MOST_REST_MILLIS : MOST_PAUSE_MILLIS));
  }

  private void ask(Verb verb) {
    JsonNode array = server.array();
    String path = "/api/v1/arrays/" + array.get("name").asText();
    switch (verb) {
      case OUTAGE -> haveAnOutage(array, path + "/members/");
      case FAIL -> withMember(array, verb, "", path + "/members/fail");
      case REMOVE -> withMember(array, verb, "faulty|spare", path + "/members/remove");
      case ADD -> withFile(array, verb, path + "/members/add");
      case RE_ADD -> withFile(array, verb, path + "/members/re-add");
      case REPLACE -> replace(array, path + "/members/replace");
      case CHECK -> ask(verb, path + "/check", null);
      case REPAIR -> ask(verb, path + "/repair", null);
      case IDLE -> ask(verb, path + "/idle", null);
      case LENGTHEN -> lengthen(path + "/grow");
      case SLOTS -> ask(verb, path + "/grow", growth(2 + random.nextInt(MOST_SLOTS - 1)));
      case BITMAP -> changeBitmap(path + "/bitmap/");
      case WRITE_MOSTLY -> setWriteMostly(array, path + "/members/set");
      case SPEED -> setSpeed(path + "/speed", random.nextInt(4) == 0);
    }
  }

  private Verb draw() {
    int total = 0;
    for (Verb verb : Verb.values()) {
      total += verb.weight;
    }
    int at = random.nextInt(total);
    for (Verb verb : Verb.values()) {
      at -= verb.weight;
      if (at < 0) {
        return verb;
      }
    }
    throw new AssertionError("not reached");
  }

  private static AdminDocuments.Growth growth(int slots) {
    return new AdminDocuments.Growth(slots, null, false);
  }

  private void withMember(JsonNode array, Verb verb, String roles, String path) {
    List<String> members = members(array, roles);
    if (!members.isEmpty()) {
      ask(verb, path, new AdminDocuments.OneMember(any(members), false));
    }
  }

  /** A member is away for a moment, and comes back before another has stood in for it. */
  private void haveAnOutage(JsonNode array, String path) {
    List<String> members = members(array, "in-sync");
    if (members.size() > 1) {
      AdminDocuments.OneMember member = new AdminDocuments.OneMember(any(members), false);
      ask(Verb.FAIL, path + "fail", member);
      ask(Verb.REMOVE, path + "remove", member);
      ask(Verb.RE_ADD, path + "re-add", member);
    }
  }

  private void withFile(JsonNode array, Verb verb, String path) {
    List<String> free = freeFiles(array);
    if (!free.isEmpty()) {
      ask(verb, path, new AdminDocuments.OneMember(any(free), true));
    }
  }

  private void replace(JsonNode array, String path) {
    List<String> members = members(array, "in-sync");
    List<String> free = freeFiles(array);
    if (!members.isEmpty() && !free.isEmpty()) {
      ask(Verb.REPLACE, path, new AdminDocuments.Replacement(any(members), any(free), true));
    }
  }

  /** All files are made longer, so that whichever are members allow it. */
  private void lengthen(String path) {
    memberBytes += GROWTH_BYTES;
    for (Path file : files) {
      try (RandomAccessFile opened = new RandomAccessFile(file.toFile(), "rw")) {
        opened.setLength(memberBytes);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
    ask(Verb.LENGTHEN, path, new AdminDocuments.Growth(null, 0L, false));
  }

  private void changeBitmap(String path) {
    int chunkBytes = 1 << (16 + random.nextInt(4));
    switch (random.nextInt(6)) {
      case 0 -> ask(Verb.BITMAP, path + "remove", null);
      case 1, 2, 3 ->
          ask(
              Verb.BITMAP,
              path + "add",
              new AdminDocuments.NewBitmap("internal", chunkBytes, Writing.AUTO));
      default ->
          ask(
              Verb.BITMAP,
              path + "add",
              new AdminDocuments.NewBitmap(
                  folder.resolve("bitmap" + ++bitmaps).toString(), chunkBytes, Writing.FILE));
    }
  }

  private void setWriteMostly(JsonNode array, String path) {
    List<String> members = members(array, "");
    ask(
        Verb.WRITE_MOSTLY,
        path,
        new AdminDocuments.MemberFlags(any(members), random.nextBoolean()));
  }

  /** Slow enough that the next steps come into the middle of a recovery, or faster than clients. */
  private void setSpeed(String path, boolean slow) {
    ask(
        Verb.SPEED,
        path,
        new AdminDocuments.SyncSpeed(slow ? 0L : 64L << 20, slow ? 16L << 20 : Long.MAX_VALUE));
  }

  /** Fails the test on any refusal that is not one of the verb's. */
  private void ask(Verb verb, String path, @Nullable Object document) {
    String asked = verb + " " + (document == null ? path : document);
    story.add(asked);
    try {
      byte[] answer = document == null ? admin.post(path) : admin.post(path, document);
      assertThat(answer).isNotEmpty();
      done.merge(verb, 1, Integer::sum);
    } catch (IOException e) {
      story.add("  refused: " + e.getMessage());
      assertThat(e.getMessage())
          .as(asked)
          .containsPattern(verb.refusals.isEmpty() ? "\\A\\z" : verb.refusals);
      refused.merge(verb, 1, Integer::sum);
    }
  }

  /** Gives the array all members that it lacks and takes away what it does not need. */
  void complete() {
    setSpeed("/api/v1/arrays/" + server.array().get("name").asText() + "/speed", false);
    Awaitility.await("all members in sync and no others")
        .atMost(Duration.ofMinutes(2))
        .until(this::isComplete);
  }

  /** If it is not, does something about it. */
  private boolean isComplete() {
    JsonNode array = server.array();
    String path = "/api/v1/arrays/" + array.get("name").asText() + "/members/";
    if (!members(array, "faulty|spare").isEmpty()) {
      withMember(array, Verb.REMOVE, "faulty|spare", path + "remove");
    } else if (!members(array, "missing").isEmpty() && members(array, "rebuilding").isEmpty()) {
      withFile(array, Verb.ADD, path + "add");
    }
    return isComplete(array);
  }

  private static boolean isComplete(JsonNode array) {
    return array.at("/sync/action").asText().equals("idle")
        && array
            .at("/members")
            .valueStream()
            .allMatch(member -> member.at("/role").asText().equals("in-sync"));
  }

  /** Files of the members. */
  List<Path> members() {
    return members(server.array(), "in-sync").stream().map(Path::of).toList();
  }

  /** Paths of those in one of the roles, or in any but missing. */
  private static List<String> members(JsonNode array, String roles) {
    return array
        .at("/members")
        .valueStream()
        .filter(member ->
            roles.isEmpty()
                ? !member.at("/path").asText().isEmpty()
                : member.at("/role").asText().matches(roles))
        .map(member -> member.at("/path").asText())
        .toList();
  }

  private List<String> freeFiles(JsonNode array) {
    Set<String> taken = new HashSet<>(members(array, ""));
    return files.stream().map(Path::toString).filter(file -> !taken.contains(file)).toList();
  }

  private String any(List<String> of) {
    return of.get(random.nextInt(of.size()));
  }
}
