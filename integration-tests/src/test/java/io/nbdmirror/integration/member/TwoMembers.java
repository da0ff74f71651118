package io.nbdmirror.integration.member;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.integration.process.Nbdmirror;
import io.nbdmirror.integration.process.RunningServer;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.file.Path;

/**
 * Two member files of one array.
 *
 * @param folder where they lie, and what a server on them needs
 */
public record TwoMembers(Path folder, MemberImage first, MemberImage second) {
  /** Makes two sparse files of that size, without an array on them. */
  public static TwoMembers blank(Path folder, String name, long bytes) {
    return new TwoMembers(
        folder,
        new MemberImage(sparse(folder.resolve(name + "0.img"), bytes)),
        new MemberImage(sparse(folder.resolve(name + "1.img"), bytes)));
  }

  /** Makes two sparse files of that size and an array of them by {@code nbdmirror create}. */
  public static TwoMembers create(Path folder, String name, long bytes, Object... flags) {
    TwoMembers members = blank(folder, name, bytes);
    Nbdmirror.command("create", name, members.first.file(), members.second.file()).and(flags).run();
    return members;
  }

  /** A sparse file of that size. */
  public static Path sparse(Path file, long bytes) {
    try (RandomAccessFile made = new RandomAccessFile(file.toFile(), "rw")) {
      made.setLength(bytes);
      return file;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  public RunningServer serve(Object... flags) {
    Object[] arguments = new Object[flags.length + 2];
    arguments[0] = first.file();
    arguments[1] = second.file();
    System.arraycopy(flags, 0, arguments, 2, flags.length);
    return RunningServer.start(folder, arguments);
  }

  /** Fails the test unless the array's bytes are the same on both. */
  public void areIdentical() {
    assertThat(MemberImage.differingBlocks(first, second, 4096)).as("differing blocks").isEmpty();
  }

  /** Fails the test unless both were left as a clean stop leaves them. */
  public void areClean() {
    assertThat(first.clean()).as("%s is clean", first.file()).isTrue();
    assertThat(second.clean()).as("%s is clean", second.file()).isTrue();
    assertThat(first.dirtyChunks().cardinality()).as("dirty chunks").isZero();
    assertThat(second.dirtyChunks().cardinality()).as("dirty chunks").isZero();
  }
}
