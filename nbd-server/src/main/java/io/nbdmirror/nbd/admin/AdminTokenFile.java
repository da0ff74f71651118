package io.nbdmirror.nbd.admin;

import static java.nio.file.StandardCopyOption.ATOMIC_MOVE;
import static java.nio.file.StandardOpenOption.CREATE_NEW;
import static java.nio.file.StandardOpenOption.WRITE;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.EnumSet;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/**
 * Where a server leaves its token for the people who may change it: a file in its owner's runtime
 * directory, readable by the owner alone, named after the admin address so that the servers of one
 * host don't get into each other's way.
 */
public final class AdminTokenFile {
  private static final String VARIABLE = "XDG_RUNTIME_DIR";
  private static final Set<PosixFilePermission> OWNER_ONLY_DIRECTORY =
      PosixFilePermissions.fromString("rwx------");
  private static final Set<PosixFilePermission> OWNER_ONLY_FILE =
      PosixFilePermissions.fromString("rw-------");

  private final Path path;

  private AdminTokenFile(Path path) {
    this.path = path;
  }

  /**
   * The file of the server at {@code address}; it need not be there.
   *
   * @param environment of the process: {@code $XDG_RUNTIME_DIR/nbdmirror}, else {@code
   *     /run/nbdmirror}
   */
  public static AdminTokenFile of(AdminAddress address, Map<String, String> environment) {
    String runtime = environment.getOrDefault(VARIABLE, "");
    Path directory = runtime.isEmpty() ? Path.of("/run") : Path.of(runtime);
    return new AdminTokenFile(directory.resolve("nbdmirror").resolve(address.tokenFileName()));
  }

  public Path path() {
    return path;
  }

  /**
   * Writes the token: whoever opens the file sees all of it or none, and nobody but the owner can
   * open it. A file that a killed server left is replaced.
   *
   * @throws IOException with a sentence that says which path and what to do
   */
  public void write(AdminToken token) throws IOException {
    Path temporary = path.resolveSibling(path.getFileName() + ".new");
    try {
      Files.createDirectories(
          directory(), PosixFilePermissions.asFileAttribute(OWNER_ONLY_DIRECTORY));
      requireOwnDirectory();
      Files.deleteIfExists(temporary);
      try (SeekableByteChannel file =
          Files.newByteChannel(
              temporary,
              EnumSet.of(CREATE_NEW, WRITE),
              PosixFilePermissions.asFileAttribute(OWNER_ONLY_FILE))) {
        ByteBuffer bytes = ByteBuffer.wrap(line(token).getBytes(StandardCharsets.US_ASCII));
        while (bytes.hasRemaining()) {
          file.write(bytes);
        }
      }
      Files.move(temporary, path, ATOMIC_MOVE);
    } catch (FileSystemException e) {
      throw new IOException(
          "cannot write the admin token to %s: %s; set %s to a directory of your own"
              .formatted(path, reason(e), VARIABLE),
          e);
    }
  }

  /**
   * Reads the token of the server at this address.
   *
   * @throws IOException with a sentence that says which path and what to do
   */
  public AdminToken read() throws IOException {
    try {
      return AdminToken.of(Files.readString(path).strip());
    } catch (FileSystemException e) {
      throw new IOException(
          "cannot read the admin token from %s: %s; run this as the user who runs the server, with the same %s"
              .formatted(path, reason(e), VARIABLE),
          e);
    }
  }

  /** Removes the file, unless another server has meanwhile put its own token there. */
  public void remove(AdminToken token) throws IOException {
    try {
      if (Files.readString(path).equals(line(token))) {
        Files.deleteIfExists(path);
      }
    } catch (NoSuchFileException e) {
      // Whoever cleaned the runtime directory was faster; gone is what was asked for.
      return;
    }
  }

  private void requireOwnDirectory() throws IOException {
    PosixFileAttributes attributes =
        Files.readAttributes(directory(), PosixFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
    Object directoryOwner = Files.getAttribute(directory(), "unix:uid", LinkOption.NOFOLLOW_LINKS);
    Object self = Files.getAttribute(Path.of("/proc/self"), "unix:uid");
    boolean writableByOthers =
        attributes.permissions().contains(PosixFilePermission.GROUP_WRITE)
            || attributes.permissions().contains(PosixFilePermission.OTHERS_WRITE);
    if (!attributes.isDirectory() || !directoryOwner.equals(self) || writableByOthers) {
      throw new FileSystemException(
          directory().toString(), null, directory() + " is not a directory of this user alone");
    }
  }

  private Path directory() {
    return Objects.requireNonNull(path.getParent());
  }

  private static String line(AdminToken token) {
    return token.secret() + "\n";
  }

  private static String reason(FileSystemException e) {
    return switch (e) {
      case NoSuchFileException _ -> "it is not there";
      case AccessDeniedException denied -> "permission denied for " + denied.getFile();
      default -> Objects.requireNonNullElse(e.getReason(), e.getClass().getSimpleName());
    };
  }
}
