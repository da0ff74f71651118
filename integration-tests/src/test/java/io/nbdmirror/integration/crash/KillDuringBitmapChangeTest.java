package io.nbdmirror.integration.crash;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.nbdmirror.integration.condition.Needs;
import io.nbdmirror.integration.heldfile.MountedImage;
import io.nbdmirror.integration.member.BitmapImage;
import io.nbdmirror.integration.member.MemberImage;
import io.nbdmirror.integration.member.SlowMember;
import io.nbdmirror.integration.member.TwoMembers;
import io.nbdmirror.integration.process.Figures;
import io.nbdmirror.integration.process.Nbdmirror;
import io.nbdmirror.integration.process.RunningServer;
import io.nbdmirror.io.held.Writing;
import io.nbdmirror.nbd.admin.AdminAddress;
import io.nbdmirror.nbd.admin.AdminClient;
import io.nbdmirror.nbd.admin.AdminDocuments;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The server is killed while its bitmap is moved under load: from the members to a file, to another
 * file, to none, and back. Whichever bitmap is in force afterwards covers what differs.
 */
@Needs(
    value = {"nbdkit", "nbdfuse", "losetup", "mkfs.ext4"},
    root = true)
class KillDuringBitmapChangeTest {
  private static final int KILLS = "true".equals(System.getenv("NBDMIRROR_LONG")) ? 60 : 8;
  private static final long MEMBER_BYTES = 34L << 20;

  @TempDir Path folder;

  private final List<BitmapImage> files = new ArrayList<>();

  /** How long a change takes here, once that is known. */
  private volatile long changeNanos;

  @Test
  void theBitmapInForceCoversWhatDiffers() throws Exception {
    Path fast = TwoMembers.sparse(folder.resolve("fast.img"), MEMBER_BYTES);
    Path backing = TwoMembers.sparse(folder.resolve("backing.img"), MEMBER_BYTES);
    int differing = 0;
    try (MountedImage mount = MountedImage.of(folder, MountedImage.Kind.EXT4_4K);
        SlowMember slow = new SlowMember(folder, backing, Duration.ofMillis(3))) {
      Nbdmirror.command("create", "moving", slow.file(), fast)
          .and("--bitmap-chunk", "64K", "--delay", "1s")
          .run();
      TwoMembers images = new TwoMembers(folder, new MemberImage(backing), new MemberImage(fast));
      Ledger ledger = new Ledger((int) (images.first().dataBytes() / Ledger.BLOCK_BYTES));
      RunningServer server = RunningServer.start(folder, slow.file(), fast);
      try {
        for (int kill = 0; kill < KILLS; kill++) {
          server.awaitQuiet();
          changeAndKill(server, ledger, mount, kill);
          List<Long> blocks =
              MemberImage.differingBlocks(images.first(), images.second(), Ledger.BLOCK_BYTES);
          differing += blocks.size();
          BitmapImage inForce = inForce(images);
          covers(blocks, images, inForce);
          server =
              inForce == null
                  ? RunningServer.start(folder, slow.file(), fast)
                  : RunningServer.start(folder, slow.file(), fast, "--bitmap", inForce.file());
          JsonNode array = server.awaitQuiet();
          images.areIdentical();
          KillTest.everyAcknowledgedWriteIsThere(server, ledger);
          Figures.show(
              "kill %d: bitmap %s, %d blocks differed, %s"
                  .formatted(
                      kill, array.at("/bitmap/kind").asText(), blocks.size(), array.get("sync")));
        }
        server.stop();
      } finally {
        server.close();
      }
    }
    assertThat(changeNanos).as("time that a change took").isPositive();
    assertThat(differing).as("blocks that differed, over all kills").isPositive();
  }

  private void changeAndKill(RunningServer server, Ledger ledger, MountedImage mount, int kill)
      throws IOException, InterruptedException {
    SplittableRandom random = new SplittableRandom(77 + kill);
    WriteLoad load =
        new WriteLoad(server.unixSocket(), ledger, 0, ledger.blocks() / 8, random.nextLong());
    Awaitility.await("the load under way")
        .pollInterval(Duration.ofMillis(1))
        .atMost(Duration.ofSeconds(30))
        .until(() -> load.acknowledgedWrites() >= 100);
    AdminClient admin =
        new AdminClient(
            AdminAddress.parse(server.admin()), Map.of("XDG_RUNTIME_DIR", folder.toString()));
    Path file = mount.folder().resolve("bitmap" + kill);
    Thread change = Thread.ofPlatform().start(() -> change(admin, file, kill));
    if (changeNanos == 0) {
      change.join();
    } else {
      // Some kills hit the change early, some late, some come when it is done.
      change.join(Duration.ofNanos((long) (changeNanos * (0.2 + random.nextDouble()))));
    }
    server.kill();
    load.awaitEnd();
    change.join();
    if (Files.exists(file) && Files.size(file) > 256) {
      files.add(new BitmapImage(file));
    }
  }

  /** Moves it to a file three times out of four, each time to a new one. */
  private void change(AdminClient admin, Path file, int kill) {
    String bitmap = "/api/v1/arrays/moving/bitmap/";
    long start = System.nanoTime();
    try {
      switch (kill % 4) {
        case 1 ->
            admin.post(
                bitmap + "add", new AdminDocuments.NewBitmap("internal", 65536, Writing.AUTO));
        case 3 -> admin.post(bitmap + "remove");
        default ->
            admin.post(
                bitmap + "add", new AdminDocuments.NewBitmap(file.toString(), 65536, Writing.RAW));
      }
      changeNanos = System.nanoTime() - start;
    } catch (IOException e) {
      // Killed before it could answer.
    }
  }

  /** The file that is neither behind the members nor more than one event ahead of them. */
  private @Nullable BitmapImage inForce(TwoMembers images) {
    long events = Math.max(images.first().events(), images.second().events());
    BitmapImage found = null;
    for (BitmapImage file : files) {
      long ahead = file.events() - events;
      if (!images.first().hasBitmap() && !file.isStale() && (ahead == 0 || ahead == 1)) {
        found = file;
      }
    }
    return found;
  }

  private static void covers(List<Long> blocks, TwoMembers images, @Nullable BitmapImage inForce) {
    BitSet bits = null;
    if (images.first().hasBitmap() && images.second().hasBitmap()) {
      bits = images.first().dirtyChunks();
      bits.and(images.second().dirtyChunks());
    } else if (inForce != null) {
      bits = inForce.dirtyChunks();
    }
    for (long block : blocks) {
      assertThat(images.first().clean()).as("a superblock says clean").isFalse();
      assertThat(bits == null || bits.get((int) (block * Ledger.BLOCK_BYTES / 65536)))
          .as("I1: block %d", block)
          .isTrue();
    }
  }
}
