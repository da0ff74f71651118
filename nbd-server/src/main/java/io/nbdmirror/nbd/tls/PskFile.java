package io.nbdmirror.nbd.tls;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Keys by the names of those who have them, in the format of GnuTLS's psktool, which nbdkit and
 * QEMU take: a line {@code NAME:HEXKEY} each. Immutable.
 */
final class PskFile {
  private final Map<String, byte[]> keys;

  private PskFile(Map<String, byte[]> keys) {
    this.keys = keys;
  }

  static PskFile read(Path path) throws CredentialException {
    List<String> lines;
    try {
      lines = Files.readAllLines(path, StandardCharsets.UTF_8);
    } catch (NoSuchFileException e) {
      throw new CredentialException("there is no %s".formatted(path), e);
    } catch (IOException e) {
      throw new CredentialException("cannot read %s: %s".formatted(path, e), e);
    }
    Map<String, byte[]> keys = new HashMap<>();
    for (int i = 0; i < lines.size(); i++) {
      String line = lines.get(i).strip();
      if (line.isEmpty()) {
        continue;
      }
      int colon = line.lastIndexOf(':');
      byte[] key = colon < 1 ? null : key(line.substring(colon + 1));
      if (key == null) {
        throw new CredentialException(
            "line %d of %s is not NAME:HEXKEY, as psktool writes it".formatted(i + 1, path));
      }
      keys.put(line.substring(0, colon), key);
    }
    if (keys.isEmpty()) {
      throw new CredentialException("%s holds no key".formatted(path));
    }
    return new PskFile(keys);
  }

  private static byte @Nullable [] key(String hex) {
    try {
      return hex.isEmpty() ? null : HexFormat.of().parseHex(hex);
    } catch (IllegalArgumentException e) {
      return null;
    }
  }

  /** A copy of a name's key; null if it has none. */
  byte @Nullable [] keyOf(String name) {
    byte[] key = keys.get(name);
    return key == null ? null : key.clone();
  }
}
