package io.nbdmirror.nbd.admin;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AdminTokenFileTest {
  private static final AdminAddress ADDRESS = AdminAddress.parse("127.0.0.1:9809");

  @TempDir private Path runtime;
  private AdminTokenFile file;

  @BeforeEach
  void name() {
    file = AdminTokenFile.of(ADDRESS, Map.of("XDG_RUNTIME_DIR", runtime.toString()));
  }

  @Test
  void liesInTheSystemsRuntimeDirectoryWhenTheUserHasNone() {
    assertThat(AdminTokenFile.of(ADDRESS, Map.of()).path())
        .isEqualTo(Path.of("/run/nbdmirror/admin-127.0.0.1_9809.token"));
  }

  @Test
  void isReadableByItsOwnerAloneAndLeavesNothingElseBehind() throws IOException {
    file.write(AdminToken.random());
    assertThat(permissions(file.path())).isEqualTo("rw-------");
    assertThat(permissions(runtime.resolve("nbdmirror"))).isEqualTo("rwx------");
    assertThat(runtime.resolve("nbdmirror")).isDirectoryContaining("glob:**.token");
    try (var entries = Files.list(runtime.resolve("nbdmirror"))) {
      assertThat(entries).hasSize(1);
    }
  }

  @Test
  void givesBackTheTokenThatWasWritten() throws IOException {
    AdminToken token = AdminToken.random();
    file.write(token);
    assertThat(token.secret()).hasSize(64).isNotEqualTo(AdminToken.random().secret());
    assertThat(token.isCarriedBy(file.read().authorization())).isTrue();
  }

  @Test
  void replacesWhatAKilledServerLeft() throws IOException {
    file.write(AdminToken.random());
    Files.writeString(file.path().resolveSibling(file.path().getFileName() + ".new"), "half");
    AdminToken token = AdminToken.random();
    file.write(token);
    assertThat(file.read().secret()).isEqualTo(token.secret());
  }

  @Test
  void isRemovedByItsWriterOnly() throws IOException {
    AdminToken mine = AdminToken.random();
    file.write(mine);
    file.remove(AdminToken.random());
    assertThat(file.path()).exists();
    file.remove(mine);
    assertThat(file.path()).doesNotExist();
    file.remove(mine);
  }

  @Test
  void isNotWrittenWhereOthersCouldReplaceIt() throws IOException {
    Path directory = Files.createDirectory(runtime.resolve("nbdmirror"));
    Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxrwxrwx"));
    assertThatThrownBy(() -> file.write(AdminToken.random()))
        .isInstanceOf(IOException.class)
        .hasMessage(
            "cannot write the admin token to %s: %s is not a directory of this user alone; set XDG_RUNTIME_DIR to a directory of your own",
            file.path(), directory);
    assertThat(file.path()).doesNotExist();
  }

  @Test
  void isNotWrittenThroughASymbolicLink() throws IOException {
    Path elsewhere = Files.createDirectory(runtime.resolve("elsewhere"));
    Files.createSymbolicLink(runtime.resolve("nbdmirror"), elsewhere);
    assertThatThrownBy(() -> file.write(AdminToken.random())).isInstanceOf(IOException.class);
    assertThat(elsewhere).isEmptyDirectory();
  }

  @Test
  void whenItIsNotThereTheReaderIsToldWhoCanHelp() {
    assertThatThrownBy(() -> file.read())
        .hasMessage(
            "cannot read the admin token from %s: it is not there; run this as the user who runs the server, with the same XDG_RUNTIME_DIR",
            file.path());
  }

  private static String permissions(Path path) throws IOException {
    return PosixFilePermissions.toString(Files.getPosixFilePermissions(path));
  }
}
