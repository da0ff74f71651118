package io.nbdmirror.nbd.array;

import io.nbdmirror.raid.status.ArrayStatus;
import java.util.Optional;

/** Finds the member that people mean by a path: the one it was served by, or another name of it. */
public final class MemberName {
  private MemberName() {}

  /**
   * Looks at files, and so may block.
   *
   * @return the path the array knows the member by; empty when it has no such member
   */
  public static Optional<String> resolve(ArrayStatus status, String path) {
    for (ArrayStatus.Member member : status.members()) {
      if (member.path().equals(path)) {
        return Optional.of(path);
      }
    }
    String identity = FileIdentity.of(path);
    for (ArrayStatus.Member member : status.members()) {
      if (!member.path().isEmpty() && FileIdentity.of(member.path()).equals(identity)) {
        return Optional.of(member.path());
      }
    }
    return Optional.empty();
  }
}
