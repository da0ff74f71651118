package io.nbdmirror.nbd.admin;

import io.nbdmirror.io.held.Writing;
import io.nbdmirror.nbd.array.ServedArray;
import io.nbdmirror.nbd.listen.ClientStatus;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/** What the admin API can have done: the server, or a test's stand-in. Any thread may call. */
public interface Control {
  /** The arrays that are being served. */
  List<ServedArray> arrays();

  /** The clients that are connected. */
  List<ClientStatus> clients();

  /** Why the server cannot do its work now, as a sentence; empty when it can. */
  Optional<String> notReady();

  /**
   * Gives an array a bitmap, or moves the one it has, while it runs.
   *
   * @param location "internal", or the path of a file to be made
   * @param chunkBytes bytes of the array for each bit; 0 for the usual
   * @param writing how a file is written
   * @return where it is kept now, for people; fails with what was in the way
   */
  CompletableFuture<String> addBitmap(
      ServedArray array, String location, long chunkBytes, Writing writing);

  /**
   * Takes an array's bitmap away while it runs.
   *
   * @return as {@link #addBitmap}
   */
  CompletableFuture<String> removeBitmap(ServedArray array);

  /**
   * Gives an array a new member while it runs: a spare, or one that is rebuilt at once.
   *
   * @param path absolute, of a file or block device
   * @param force whatever it carries
   * @return what became of it, for people; fails with a {@link
   *     io.nbdmirror.nbd.array.RefusedException} or what was in the way, the file being closed
   */
  CompletableFuture<String> addMember(ServedArray array, String path, boolean force);

  /** As {@link #addMember}, for a member that was one before. */
  CompletableFuture<String> reAddMember(ServedArray array, String path);

  /**
   * As {@link #addMember}, for one that takes the place of another when it has everything.
   *
   * @param old the path that the array knows the other by
   */
  CompletableFuture<String> replaceMember(
      ServedArray array, String old, String path, boolean force);

  /**
   * Stops one array; the server ends with its last one.
   *
   * @return its name; fails with what kept the array from being left clean
   */
  CompletableFuture<String> stop(ServedArray array);

  /**
   * Stops all arrays and then the server.
   *
   * @return the arrays' names, when all have stopped; fails as {@link #stop(ServedArray)}
   */
  CompletableFuture<List<String>> stop();
}
