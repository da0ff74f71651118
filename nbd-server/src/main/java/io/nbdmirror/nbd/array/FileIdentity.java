package io.nbdmirror.nbd.array;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Map;

/** Tells the same file behind two names: links, or two nodes of one block device. */
public final class FileIdentity {
  private static final int TYPE_MASK = 0xf000;
  private static final int BLOCK_SPECIAL = 0x6000;

  private FileIdentity() {}

  /**
   * The same for every name of one file or block device, and for no other. A file that is not there
   * is known by its name alone. Looks at the file, and so may block.
   */
  public static String of(String path) {
    try {
      Map<String, Object> attributes =
          Files.readAttributes(Path.of(path), "unix:mode,dev,ino,rdev");
      boolean block =
          attributes.get("mode") instanceof Integer mode && (mode & TYPE_MASK) == BLOCK_SPECIAL;
      return block
          ? "device " + attributes.get("rdev")
          : attributes.get("dev") + " " + attributes.get("ino");
    } catch (IOException | InvalidPathException _) {
      // Opening it will say what is wrong with it, in the words for that.
      return "path " + path;
    }
  }
}
