package io.nbdmirror.raid.vectors;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.GZIPInputStream;

/** Reads the vectors. */
public final class Vectors {
  /** Snapshots of two 64 MiB members each, with the first 2 MiB of each stored. */
  public static final List<String> SNAPSHOTS =
      List.of("A1-justcreated", "A1-dirty", "A1-stopped", "A2-dirty", "A2-stopped", "B-dirty");

  public static final long SNAPSHOT_MEMBER_BYTES = 64L << 20;

  private Vectors() {}

  /** Resource names of all member images. */
  public static List<String> members() {
    List<String> names = new ArrayList<>();
    for (String snapshot : snapshots()) {
      names.add(snapshot + ".vda.head.gz");
      names.add(snapshot + ".vdb.head.gz");
    }
    for (int number = 0; number <= 6; number++) {
      names.add("J" + number + ".m0.img.gz");
      names.add("J" + number + ".m1.img.gz");
    }
    return names;
  }

  /** All snapshots, the ones with an external bitmap with them. */
  public static List<String> snapshots() {
    List<String> all = new ArrayList<>(SNAPSHOTS);
    all.add("B-stopped");
    return all;
  }

  /** How large the whole member is, of which the image may be the head. */
  public static long memberBytes(String name) {
    return name.startsWith("J") ? 16L << 20 : SNAPSHOT_MEMBER_BYTES;
  }

  /** The stored bytes, unpacked. */
  public static byte[] bytes(String name) {
    try (InputStream in = open(name);
        InputStream plain = name.endsWith(".gz") ? new GZIPInputStream(in) : in) {
      return plain.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The output of a command in a snapshot's text, as {@code label -> value}. */
  public static Map<String, String> said(String snapshot, String command) {
    Map<String, String> fields = new LinkedHashMap<>();
    boolean inside = false;
    for (String line : text(snapshot).lines().toList()) {
      if (line.startsWith("$ ") || line.startsWith("###")) {
        inside = line.equals("$ " + command);
      } else if (inside && line.contains(" : ")) {
        String[] parts = line.split(" : ", 2);
        fields.put(parts[0].trim(), parts[1].trim());
      }
    }
    return fields;
  }

  private static String text(String snapshot) {
    return new String(bytes(snapshot + ".txt"), StandardCharsets.UTF_8);
  }

  private static InputStream open(String name) {
    InputStream in = Vectors.class.getResourceAsStream(name);
    if (in == null) {
      throw new IllegalArgumentException("no vector " + name);
    }
    return in;
  }
}
