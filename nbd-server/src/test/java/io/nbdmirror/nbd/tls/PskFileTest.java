package io.nbdmirror.nbd.tls;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PskFileTest {
  @TempDir private Path folder;

  @Test
  void eachNameHasItsKeyAndOthersHaveNone() throws Exception {
    Path file = Files.writeString(folder.resolve("keys"), "alice:0aff\n\nbob:with:colon:01\n");
    PskFile keys = PskFile.read(file);
    assertThat(keys.keyOf("alice")).containsExactly(0x0a, 0xff);
    assertThat(keys.keyOf("bob:with:colon")).containsExactly(1);
    assertThat(keys.keyOf("bob")).isNull();
  }

  @ParameterizedTest
  @ValueSource(strings = {"alice", ":00", "alice:", "alice:0", "alice:xy"})
  void aLineThatIsNoKeyIsRefusedByItsNumber(String line) throws Exception {
    Path file = Files.writeString(folder.resolve("keys"), "good:00\n" + line + "\n");
    assertThatThrownBy(() -> PskFile.read(file))
        .isInstanceOf(CredentialException.class)
        .hasMessageContaining("line 2 of " + file);
  }

  @Test
  void aFileWithoutKeysIsRefused() throws Exception {
    Path file = Files.writeString(folder.resolve("keys"), "\n");
    assertThatThrownBy(() -> PskFile.read(file))
        .isInstanceOf(CredentialException.class)
        .hasMessageContaining("holds no key");
  }
}
