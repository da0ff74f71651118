package io.nbdmirror.integration.guest;

import io.nbdmirror.integration.process.Command;
import io.nbdmirror.integration.process.Nbdmirror;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;

/**
 * A Linux guest that boots, runs one shell script and powers off. The host's loopback is 10.0.2.2.
 */
final class Guest {
  private static final Duration LIMIT = Duration.ofMinutes(5);
  private static final int SCRIPT_DISK_BYTES = 1 << 20;

  private Guest() {}

  /**
   * Runs the script and returns what the console showed; fails the test unless the script
   * succeeded.
   *
   * @param script a shell script in the test resources
   * @param variables lines before the script, as NAME=VALUE or {@link #file}
   * @param disks seen as /dev/vdb, /dev/vdc and so on
   */
  static String run(Path folder, String script, List<String> variables, List<Path> disks) {
    return run(folder, script, variables, disks, List.of());
  }

  /** The same with further arguments for QEMU. */
  static String run(
      Path folder, String script, List<String> variables, List<Path> disks, List<String> devices) {
    Path guest =
        Path.of(
            Command.of(Nbdmirror.ROOT.resolve("integration-tests/guest/build-guest"))
                .within(LIMIT)
                .run()
                .out()
                .strip());
    Command qemu =
        Command.of("qemu-system-x86_64", "-M", "q35", "-m", "1G", "-smp", 2)
            .and("-accel", "tcg,thread=multi", "-nodefaults", "-serial", "stdio")
            .and("-display", "none", "-no-reboot")
            .and("-kernel", guest.resolve("vmlinuz"), "-initrd", guest.resolve("initrd.gz"))
            // An emulated timer that is late on a busy machine is no reason to panic.
            .and("-append", "console=ttyS0 quiet panic=-1 raid=noautodetect no_timer_check")
            .and("-netdev", "user,id=n0", "-device", "virtio-net-pci,netdev=n0,romfile=")
            .and("-drive", drive(scriptDisk(folder, script, variables)));
    disks.forEach(disk -> qemu.and("-drive", drive(disk)));
    devices.forEach(qemu::and);
    String console = qemu.within(LIMIT).run().out().replace("\r", "");
    if (!console.contains("guest: done")) {
      throw new AssertionError("the guest's script failed:\n" + console);
    }
    return console;
  }

  /** A line for {@code variables} that makes the file before the script runs. */
  static String file(String path, Path source) {
    try {
      return "cat >%s <<'END OF FILE'%n%s%nEND OF FILE".formatted(path, Files.readString(source));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static String drive(Path disk) {
    return "file=" + disk + ",format=raw,if=virtio";
  }

  private static Path scriptDisk(Path folder, String script, List<String> variables) {
    Path source =
        Nbdmirror.ROOT.resolve("integration-tests/src/test/resources/guest").resolve(script);
    try {
      String text = String.join("\n", variables) + "\n" + Files.readString(source);
      byte[] padded = Arrays.copyOf(text.getBytes(StandardCharsets.UTF_8), SCRIPT_DISK_BYTES);
      return Files.write(folder.resolve("script.img"), padded);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
