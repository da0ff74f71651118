package io.nbdmirror.nbd.listen;

import java.util.Set;
import javax.security.auth.x500.X500Principal;
import org.jspecify.annotations.Nullable;

/** Compares who a client has proved to be with those who are allowed. */
final class Subject {
  private Subject() {}

  /** Whether one of {@code allowed} means {@code subject}, however it spells it. */
  static boolean isAmong(Set<String> allowed, String subject) {
    if (subject.isEmpty()) {
      return false;
    }
    if (allowed.contains(subject)) {
      return true;
    }
    X500Principal name = nameOf(subject);
    return name != null && allowed.stream().anyMatch(other -> name.equals(nameOf(other)));
  }

  /** Null for what is no distinguished name, as the name of a shared key. */
  private static @Nullable X500Principal nameOf(String text) {
    try {
      return new X500Principal(text);
    } catch (IllegalArgumentException e) {
      return null;
    }
  }
}
