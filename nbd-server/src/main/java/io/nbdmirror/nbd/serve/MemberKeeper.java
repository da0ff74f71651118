package io.nbdmirror.nbd.serve;

import io.nbdmirror.io.BlockDevice;
import io.nbdmirror.io.Scheduler;
import io.nbdmirror.nbd.array.MemberName;
import io.nbdmirror.nbd.array.RefusedException;
import io.nbdmirror.nbd.array.ServedArray;
import io.nbdmirror.raid.creation.Signature;
import io.nbdmirror.raid.creation.SignatureProbe;
import io.nbdmirror.raid.status.ArrayStatus;
import io.nbdmirror.raid.superblock.MdSuperblock;
import io.nbdmirror.raid.superblock.SuperblockReader;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.stream.Collectors;

/**
 * Gives running arrays new members: opens the file, makes sure that nothing of worth is on it, and
 * hands it over. All that blocks is done by one thread of its own, one file at a time; any thread
 * may call.
 */
final class MemberKeeper implements AutoCloseable {
  private final MemberFiles files;
  private final ExecutorService thread =
      Executors.newSingleThreadExecutor(
          task -> Thread.ofPlatform().name("member-files").daemon().unstarted(task));

  MemberKeeper(MemberFiles files) {
    this.files = files;
  }

  /** What an array does with a device, which is its own to close from then on. */
  @FunctionalInterface
  interface Joining {
    CompletableFuture<?> join(BlockDevice device);
  }

  /**
   * What is to become of a file.
   *
   * @param array that it is for
   * @param served all arrays, none of which must have it already
   * @param path absolute
   * @param overwrite whatever it carries
   */
  record Newcomer(
      ServedArray array,
      Scheduler loop,
      List<ServedArray> served,
      String path,
      boolean overwrite) {}

  /**
   * Opens a file and has it join an array.
   *
   * @param former it is taken as it is: the array looks itself at what it carries
   * @return what became of it, for people; fails with a {@link RefusedException}, the file having
   *     been closed untouched, or with the array's own failure
   */
  CompletableFuture<String> add(Newcomer newcomer, boolean former, Joining joining) {
    CompletableFuture<String> answer = new CompletableFuture<>();
    thread.execute(() -> {
      try {
        refuseMembers(newcomer);
        BlockDevice device = open(newcomer);
        if (!former && !newcomer.overwrite()) {
          refuseOccupied(newcomer, device);
        }
        joining.join(device).get();
        answer.complete(outcome(newcomer));
      } catch (ExecutionException e) {
        answer.completeExceptionally(e.getCause() == null ? e : e.getCause());
      } catch (Exception e) {
        answer.completeExceptionally(e);
      }
    });
    return answer;
  }

  private static void refuseMembers(Newcomer newcomer)
      throws RefusedException, ExecutionException, InterruptedException {
    for (ServedArray array : newcomer.served()) {
      if (MemberName.resolve(array.snapshot().get().status(), newcomer.path()).isPresent()) {
        throw new RefusedException(
            "%s is a member of array %s already".formatted(newcomer.path(), array.name()));
      }
    }
  }

  private BlockDevice open(Newcomer newcomer) throws RefusedException {
    try {
      return files.open(newcomer.path(), newcomer.array().name(), newcomer.loop());
    } catch (StartException e) {
      throw new RefusedException(String.valueOf(e.getMessage()));
    }
  }

  /** A former member of the same array has nothing on it but an old copy. */
  private static void refuseOccupied(Newcomer newcomer, BlockDevice device)
      throws RefusedException, ExecutionException, InterruptedException {
    boolean fit = false;
    try {
      Optional<MdSuperblock> superblock = superblock(newcomer, device);
      List<Signature> found = signatures(newcomer, device);
      if (superblock.isPresent()) {
        MdSuperblock other = superblock.get();
        if (!other.setUuid().equals(newcomer.array().uuid())) {
          throw new RefusedException(
              "%s is a member of array '%s' (%s): give --force to take it from there and overwrite it"
                  .formatted(newcomer.path(), other.setName(), other.setUuid()));
        }
      } else if (!found.isEmpty()) {
        throw new RefusedException(
            "%s already carries %s: give --force to overwrite it"
                .formatted(
                    newcomer.path(),
                    found.stream()
                        .map(Signature::what)
                        .distinct()
                        .collect(Collectors.joining(", "))));
      }
      fit = true;
    } finally {
      if (!fit) {
        newcomer.loop().execute(device::close);
      }
    }
  }

  private static List<Signature> signatures(Newcomer newcomer, BlockDevice device)
      throws ExecutionException, InterruptedException {
    CompletableFuture<List<Signature>> answer = new CompletableFuture<>();
    newcomer
        .loop()
        .execute(() ->
            SignatureProbe.probe(
                device,
                (found, failure) -> {
                  if (failure == null) {
                    answer.complete(found);
                  } else {
                    answer.completeExceptionally(failure);
                  }
                }));
    return answer.get();
  }

  /**
   * Empty when there is none that can be believed; what it carries then is for the probe to say.
   */
  private static Optional<MdSuperblock> superblock(Newcomer newcomer, BlockDevice device)
      throws ExecutionException, InterruptedException {
    CompletableFuture<Optional<MdSuperblock>> answer = new CompletableFuture<>();
    newcomer
        .loop()
        .execute(() ->
            SuperblockReader.read(
                device, (superblock, failure) -> answer.complete(Optional.ofNullable(superblock))));
    return answer.get();
  }

  private static String outcome(Newcomer newcomer) throws ExecutionException, InterruptedException {
    ArrayStatus status = newcomer.array().snapshot().get().status();
    for (ArrayStatus.Member member : status.members()) {
      if (member.path().equals(newcomer.path())) {
        return newcomer.path()
            + switch (member.role()) {
              case IN_SYNC -> " is in sync";
              case REBUILDING -> " is being rebuilt, in slot " + member.slot();
              case SPARE -> " is a spare";
              case FAULTY, MISSING -> " was added and has failed since";
            };
      }
    }
    return newcomer.path() + " was added and has been removed since";
  }

  /** Takes no more files. What is being opened is seen through by its array, which refuses it. */
  @Override
  public void close() {
    thread.shutdown();
  }
}
