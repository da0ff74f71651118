package io.nbdmirror.nbd.listen;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A socket that listens already and was handed to this process by whoever started it, as systemd
 * and libnbd do: descriptors from 3 on, as many as LISTEN_FDS says, if LISTEN_PID is this process.
 *
 * @param fd its descriptor
 * @param unix whether it is a unix socket, not a TCP one
 * @param path of a unix socket, as it was bound; may be empty
 */
public record ActivatedSocket(int fd, boolean unix, String path) {
  private static final int FIRST_FD = 3;
  private static final Path DESCRIPTORS = Path.of("/proc/self/fd");
  private static final Path UNIX_SOCKETS = Path.of("/proc/net/unix");
  private static final Pattern SOCKET = Pattern.compile("socket:\\[(\\d+)]");

  /**
   * Finds what this process was given.
   *
   * @param environment of the process
   * @throws IOException with a sentence, if something was said to be given and is not there
   */
  public static List<ActivatedSocket> of(Map<String, String> environment) throws IOException {
    String count = environment.getOrDefault("LISTEN_FDS", "");
    String pid = environment.getOrDefault("LISTEN_PID", "");
    if (count.isEmpty() || !pid.equals(Long.toString(ProcessHandle.current().pid()))) {
      return List.of();
    }
    if (!count.matches("[0-9]{1,4}")) {
      throw new IOException("LISTEN_FDS is '%s', not a number of sockets".formatted(count));
    }
    List<ActivatedSocket> sockets = new ArrayList<>();
    for (int i = 0; i < Integer.parseInt(count); i++) {
      sockets.add(of(FIRST_FD + i));
    }
    return sockets;
  }

  private static ActivatedSocket of(int fd) throws IOException {
    Matcher socket = SOCKET.matcher(target(fd));
    if (!socket.matches()) {
      throw new IOException(
          "LISTEN_FDS promises a socket as descriptor %d, and it is %s".formatted(fd, target(fd)));
    }
    // Columns: Num RefCount Protocol Flags Type St Inode Path
    for (String line : Files.readAllLines(UNIX_SOCKETS, StandardCharsets.ISO_8859_1)) {
      String[] columns = line.strip().split(" +", 8);
      if (columns.length >= 7 && columns[6].equals(socket.group(1))) {
        return new ActivatedSocket(fd, true, columns.length > 7 ? columns[7] : "");
      }
    }
    return new ActivatedSocket(fd, false, "");
  }

  private static String target(int fd) throws IOException {
    Path link = DESCRIPTORS.resolve(Integer.toString(fd));
    return Files.isSymbolicLink(link) ? Files.readSymbolicLink(link).toString() : "not open";
  }
}
