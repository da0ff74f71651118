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
