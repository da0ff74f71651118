package io.nbdmirror.nbd.serve;

import io.nbdmirror.io.Scheduler;
import io.nbdmirror.nbd.array.BitmapDocument;
import io.nbdmirror.nbd.array.FileIdentity;
import io.nbdmirror.nbd.serve.ArrayPlan.Identity;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Which of the files that were named, or that patterns match, make which arrays, and how each of
 * those is served. A file that was named must be a member; one that a pattern matches may be
 * something else. Used once; blocks.
 */
final class Selection {
  private static final Logger log = LoggerFactory.getLogger(Selection.class);

  /** An array with what is to be done with it. */
  record Chosen(ArrayPlan plan, ArrayOptions options) {}

  /** A file, and what it was given for; {@code identity} comes when it has been looked at. */
  private static final class Candidate {
    private final String path;
    private final boolean named;
    private boolean forAnyArray;
    private final Set<ArrayChoice> choices = new HashSet<>();
    private @Nullable Identity identity;

    Candidate(String path, boolean named) {
      this.path = path;
      this.named = named;
    }

    boolean belongsTo(ArrayChoice choice) {
      Identity known = identity;
      return choices.contains(choice)
          && known != null
          && (choice.uuid() == null || known.uuid().stream().anyMatch(choice.uuid()::equals));
    }
  }

  private final ServeOptions options;
  private final Map<String, Candidate> candidates = new LinkedHashMap<>();

  private Selection(ServeOptions options) {
    this.options = options;
  }

  /**
   * Sorts everything into arrays.
   *
   * @throws StartException when a named file is no member, or what was asked for contradicts itself
   */
  static List<Chosen> of(ServeOptions options, MemberFiles files, Scheduler loop)
      throws StartException, InterruptedException {
    Selection selection = new Selection(options);
    selection.refuseTheSameFileTwice();
    selection.find();
    selection.identify(files, loop);
    return selection.chosen();
  }

  private void refuseTheSameFileTwice() throws StartException {
    List<String> files = new ArrayList<>();
    allMembers().filter(each -> !each.pattern()).map(MemberPath::path).forEach(files::add);
    files.addAll(options.bitmapFiles());
    SameFile.refuse(files);
  }

  private Stream<MemberPath> allMembers() {
    return Stream.concat(
        options.members().stream(),
        options.arrays().stream().flatMap(choice -> choice.members().stream()));
  }

  /** Named files first: a pattern may match them as well. */
  private void find() throws StartException {
    for (boolean pattern : new boolean[] {false, true}) {
      for (MemberPath member : options.members()) {
        if (member.pattern() == pattern) {
          for (Candidate candidate : candidates(member)) {
            candidate.forAnyArray = true;
          }
        }
      }
      for (ArrayChoice choice : options.arrays()) {
        for (MemberPath member : choice.members()) {
          if (member.pattern() == pattern) {
            for (Candidate candidate : candidates(member)) {
              candidate.choices.add(choice);
            }
          }
        }
      }
    }
  }

  private List<Candidate> candidates(MemberPath member) throws StartException {
    List<String> files = member.files();
    if (files.isEmpty()) {
      log.warn("no file matches {}", member.path());
    }
    List<Candidate> found = new ArrayList<>();
    for (String file : files) {
      found.add(
          candidates.computeIfAbsent(
              FileIdentity.of(file), _ -> new Candidate(file, !member.pattern())));
    }
    return found;
  }

  private void identify(MemberFiles files, Scheduler loop)
      throws StartException, InterruptedException {
    for (Candidate candidate : candidates.values()) {
      try {
        candidate.identity = files.identify(candidate.path, loop);
      } catch (StartException e) {
        if (candidate.named) {
          throw e;
        }
        log.info("passed over: {}", e.getMessage());
      }
    }
  }

  private List<Chosen> chosen() throws StartException {
    List<Identity> wanted = new ArrayList<>();
    for (Candidate candidate : candidates.values()) {
      Identity identity = candidate.identity;
      boolean taken =
          candidate.forAnyArray || options.arrays().stream().anyMatch(candidate::belongsTo);
      if (identity != null && taken) {
        wanted.add(identity);
      } else if (identity != null && candidate.named) {
        throw new StartException(
            "%s belongs to array %s, not to %s"
                .formatted(
                    candidate.path,
                    identity.uuid().map(BitmapDocument::mdText).orElse("nobody knows which"),
                    candidate.choices.iterator().next().where()));
      }
    }
    if (wanted.isEmpty()) {
      throw new StartException(
          "no member was found: name files or block devices that carry an md superblock");
    }
    List<ArrayPlan> plans = ArrayPlan.of(wanted);
    Map<ArrayPlan, ArrayChoice> told = new LinkedHashMap<>();
    for (ArrayChoice choice : options.arrays()) {
      ArrayChoice other = told.putIfAbsent(plan(choice, plans), choice);
      if (other != null) {
        throw new StartException("%s and %s are the same".formatted(other.where(), choice.where()));
      }
    }
    return plans.stream()
        .map(plan -> {
          ArrayChoice choice = told.get(plan);
          return new Chosen(plan, choice == null ? options.usual() : choice.options());
        })
        .toList();
  }

  /** The array that is meant. */
  private ArrayPlan plan(ArrayChoice choice, List<ArrayPlan> plans) throws StartException {
    Set<String> paths =
        candidates.values().stream()
            .filter(candidate -> candidate.belongsTo(choice))
            .map(candidate -> candidate.path)
            .collect(Collectors.toSet());
    List<ArrayPlan> meant =
        plans.stream()
            .filter(plan ->
                choice.uuid() == null
                    ? plan.paths().stream().anyMatch(paths::contains)
                    : plan.uuid().equals(choice.uuid()))
            .toList();
    if (meant.isEmpty()) {
      throw new StartException("no member of %s was found".formatted(choice.where()));
    }
    if (meant.size() > 1) {
      throw new StartException(
          "%s has members of %s: say by uuid which is meant"
              .formatted(
                  choice.where(),
                  meant.stream()
                      .map(plan -> BitmapDocument.mdText(plan.uuid()))
                      .collect(Collectors.joining(" and "))));
    }
    return meant.getFirst();
  }
}
