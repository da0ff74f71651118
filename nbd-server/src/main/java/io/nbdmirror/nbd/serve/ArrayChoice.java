package io.nbdmirror.nbd.serve;

import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * One array that a configuration file tells of: which it is, by UUID or members or both, and how it
 * is served. Immutable.
 *
 * @param where it stands, for a sentence: "the array in line 7 of FILE"
 * @param uuid null when its members say
 * @param members besides those that are given for all arrays
 */
public record ArrayChoice(
    String where, @Nullable UUID uuid, List<MemberPath> members, ArrayOptions options) {
  public ArrayChoice {
    members = List.copyOf(members);
  }
}
