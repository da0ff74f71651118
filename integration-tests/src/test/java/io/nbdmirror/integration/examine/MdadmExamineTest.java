package io.nbdmirror.integration.examine;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.integration.condition.Needs;
import io.nbdmirror.integration.member.MemberImage;
import io.nbdmirror.integration.member.TwoMembers;
import io.nbdmirror.integration.process.Command;
import io.nbdmirror.integration.process.Finished;
import io.nbdmirror.integration.process.Nbdmirror;
import io.nbdmirror.integration.process.RunningServer;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Members made by nbdmirror, examined by both: what mdadm says, nbdmirror says to the letter. */
@Needs("mdadm")
class MdadmExamineTest {
  /** Neither UTC nor whole hours from it. */
  private static final String ZONE = "America/St_Johns";

  private static final int EVENTS = 200;

  @TempDir Path folder;

  /** Member sizes, and what follows {@code create}; a, b and c are members. */
  static List<String> shapes() {
    return List.of(
        "100M data a b",
        "100M data a b --metadata 1.1 --assume-clean --bitmap-chunk 4K",
        "100M data a b --metadata 1.0",
        "100M data a b --metadata 1.0 --size 50M --bitmap-chunk 64K",
        "100M far:data a missing --bitmap none",
        "100M data missing b --bitmap-chunk 1M --assume-clean",
        "100M data a b c --write-mostly c --write-behind 256 --size 50M --delay 7s",
        "9G data a b",
        "300G data a b --metadata 1.0",
        "3T data a b --metadata 1.1 --assume-clean");
  }

  private static long bytes(String size) {
    int unit = 10 * (1 + "KMGT".indexOf(size.charAt(size.length() - 1)));
    return Long.parseLong(size.substring(0, size.length() - 1)) << unit;
  }

  /** Makes the array and returns its members. */
  private Set<Path> create(String shape) {
    String[] words = shape.split(" ");
    Set<Path> members = new LinkedHashSet<>();
    List<Object> arguments = new ArrayList<>();
    for (String word : List.of(words).subList(1, words.length)) {
      if (word.matches("[abc]")) {
        Path member = folder.resolve(word + ".img");
        if (members.add(member)) {
          TwoMembers.sparse(member, bytes(words[0]));
        }
        arguments.add(member);
      } else {
        arguments.add(word);
      }
    }
    Nbdmirror.command("create").and(arguments.toArray()).run();
    return members;
  }

  private static String mdadmSaysOf(Path member) {
    String said = Command.of("mdadm", "-E", member).with("TZ", ZONE).run().out();
    assertThat(said).contains("Magic : a92b4efc");
    // mdadm knows its own host's name.
    return said.replaceFirst(" +\\(local to host .*\\)", "");
  }

  private static String weSayOf(Path member) {
    return Nbdmirror.command("examine", member).with("TZ", ZONE).run().out();
  }

  @ParameterizedTest
  @MethodSource("shapes")
  void examineSaysWhatMdadmSays(String shape) {
    for (Path member : create(shape)) {
      assertThat(weSayOf(member)).startsWith(mdadmSaysOf(member));
    }
  }

  @ParameterizedTest
  @MethodSource("shapes")
  @Needs(
      value = {"mdadm", "losetup"},
      root = true)
  void examineBitmapSaysWhatMdadmSays(String shape) {
    for (Path member : create(shape)) {
      String loop = Command.of("losetup", "-r", "-f", "--show", member).run().out().strip();
      try {
        Finished mdadm = Command.of("mdadm", "-X", loop).attempt();
        Finished ours = Nbdmirror.command("examine-bitmap", loop).attempt();
        if (shape.contains("--bitmap none")) {
          assertThat(mdadm.err()).contains("doesn't have bitmap");
          assertThat(ours.exited(1).err()).contains("no write-intent bitmap");
        } else {
          assertThat(mdadm.succeeded().out()).contains("Magic : 6d746962");
          assertThat(ours.succeeded().out()).startsWith(mdadm.out());
        }
      } finally {
        Command.of("losetup", "-d", loop).run();
      }
    }
  }

  @Test
  void aWrongChecksumIsShownAsMdadmShowsIt() {
    Path member = create("100M data a b").iterator().next();
    new MemberImage(member).patch(EVENTS, 77, false);

    String said = mdadmSaysOf(member);
    assertThat(said).contains(" - expected ").contains("Events : 77");
    assertThat(weSayOf(member)).startsWith(said).contains("checksum does not match");
  }

  @Test
  void aMemberThatGrewIsShownAsMdadmShowsIt() throws IOException {
    Path member = create("100M data a b").iterator().next();
    resize(member, "130M");

    String said = mdadmSaysOf(member);
    assertThat(said).contains("after=61440 sectors");
    assertThat(weSayOf(member)).startsWith(said);
  }

  /** Versions of mdadm differ in how they say so, and one prints 2^64 less the sectors lacking. */
  @Test
  void aMemberThatWasTruncatedDiffersOnlyWhereWeSaySo() throws IOException {
    Path member = create("100M data a b").iterator().next();
    resize(member, "60M");

    String said = weSayOf(member);
    assertThat(said).contains("after=-81920 sectors DEVICE TOO SMALL", "active TRUNCATED DEVICE");
    assertThat(withoutSizeComplaints(said)).startsWith(withoutSizeComplaints(mdadmSaysOf(member)));
  }

  private static String withoutSizeComplaints(String said) {
    return said.replaceAll("(?m)^ *(Unused Space|State) : .*\\R", "");
  }

  private static void resize(Path member, String size) throws IOException {
    try (RandomAccessFile file = new RandomAccessFile(member.toFile(), "rw")) {
      file.setLength(bytes(size));
    }
  }

  @Test
  void membersAreExaminedWhileTheyAreServed() {
    TwoMembers members = TwoMembers.create(folder, "data", 100L << 20, "--assume-clean");
    try (RunningServer server = members.serve()) {
      assertThat(server).isNotNull();
      Path member = members.first().file();
      assertThat(weSayOf(member)).contains("Device Role : Active device 0");
      Nbdmirror.command("examine-bitmap", member).run();
    }
  }
}
