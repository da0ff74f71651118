package io.nbdmirror.raid;

import io.nbdmirror.io.Completion;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.raid.member.Member;
import io.nbdmirror.raid.member.Members;
import io.nbdmirror.raid.membership.ChangeQueue;
import io.nbdmirror.raid.resync.SyncEngine;
import io.nbdmirror.raid.status.ArrayStatus.SyncAction;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Begins and stops checks and repairs when a person asks for it, or says in a sentence why not. On
 * the array's loop.
 */
final class ScrubRequests {
  private final String name;
  private final Members members;
  private final SyncEngine sync;
  private final ChangeQueue changes;
  private final Supplier<String> refusal;

  /**
   * @param refusal why nothing about the array may be changed now, as a sentence; empty when it may
   */
  ScrubRequests(
      String name,
      Members members,
      SyncEngine sync,
      ChangeQueue changes,
      Supplier<String> refusal) {
    this.name = name;
    this.members = members;
    this.sync = sync;
    this.changes = changes;
    this.refusal = refusal;
  }

  void check(Completion begun) {
    afterChanges(
        begun,
        () -> {
          refuse(sync.scrubRefusal());
          sync.check();
        });
  }

  void repair(@Nullable String fromPath, Completion begun) {
    afterChanges(
        begun,
        () -> {
          Member from = fromPath == null ? null : members.withPath(fromPath);
          if (fromPath != null && from == null) {
            refuse(
                "%s is no member of array %s: there is %s"
                    .formatted(fromPath, name, members.all().stream().map(Member::path).toList()));
          }
          if (from != null && !from.isInSync()) {
            refuse("%s is not in sync: its data cannot be everybody's".formatted(fromPath));
          }
          refuse(sync.scrubRefusal());
          sync.repair(from);
        });
  }

  /** Resync and recovery are what the array needs: they go on, as under md they begin again. */
  void idle(Completion stopped) {
    SyncAction action = sync.action();
    if (action == SyncAction.RESYNC || action == SyncAction.RECOVERY) {
      stopped.completed(
          new DeviceException(
              Errno.EBUSY,
              "array %s is in the middle of a %s, which goes on by itself: only check and repair stop"
                  .formatted(name, action)));
    } else {
      sync.stopScrub(() -> stopped.completed(null));
    }
  }

  /** What is asked for, or a refusal. */
  @FunctionalInterface
  private interface Request {
    void make() throws DeviceException;
  }

  /** In its turn: members and the bitmap must not be in the middle of a change. */
  private void afterChanges(Completion done, Request request) {
    changes.add(ended -> {
      DeviceException refused = null;
      try {
        refuse(refusal.get());
        request.make();
      } catch (DeviceException e) {
        refused = e;
      }
      ended.run();
      done.completed(refused);
    });
  }

  private static void refuse(String sentence) throws DeviceException {
    if (!sentence.isEmpty()) {
      throw new DeviceException(Errno.EBUSY, sentence);
    }
  }
}
