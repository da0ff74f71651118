package io.nbdmirror.nbd.listen;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.GroupPrincipal;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.UserPrincipalNotFoundException;
import java.util.EnumSet;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;

/**
 * Who may connect to a unix socket: those who may write to its file.
 *
 * @param mode the file's permission bits; empty leaves what the process's umask makes of them
 * @param group the file's group, by name or number; empty leaves that of the process
 */
public record SocketAccess(OptionalInt mode, Optional<String> group) {
  /** As the process's umask and group have it. */
  public static final SocketAccess DEFAULT =
      new SocketAccess(OptionalInt.empty(), Optional.empty());

  /** For a socket that a group is named for, but no mode. */
  private static final int GROUP_MODE = 0660;

  boolean isDefault() {
    return mode.isEmpty() && group.isEmpty();
  }

  /**
   * Gives a socket's file its group, then its mode, so that it is never open to the wrong group.
   *
   * @throws IOException one sentence why it cannot
   */
  void grant(Path socket) throws IOException {
    PosixFileAttributeView file =
        Objects.requireNonNull(Files.getFileAttributeView(socket, PosixFileAttributeView.class));
    if (group.isPresent()) {
      file.setGroup(lookUp(socket, group.get()));
    }
    file.setPermissions(permissions(mode.orElse(GROUP_MODE)));
  }

  private static GroupPrincipal lookUp(Path socket, String group) throws IOException {
    try {
      return socket
          .getFileSystem()
          .getUserPrincipalLookupService()
          .lookupPrincipalByGroupName(group);
    } catch (UserPrincipalNotFoundException e) {
      throw new IOException("there is no group '%s'".formatted(group), e);
    }
  }

  private static Set<PosixFilePermission> permissions(int mode) {
    PosixFilePermission[] fromTheOwnersRead = PosixFilePermission.values();
    Set<PosixFilePermission> permissions = EnumSet.noneOf(PosixFilePermission.class);
    for (int i = 0; i < fromTheOwnersRead.length; i++) {
      if ((mode & 0400 >> i) != 0) {
        permissions.add(fromTheOwnersRead[i]);
      }
    }
    return permissions;
  }
}
