package io.nbdmirror.nbd.admin;

import io.nbdmirror.io.held.Writing;
import io.nbdmirror.nbd.array.RefusedException;
import io.nbdmirror.nbd.array.ServedArray;
import io.nbdmirror.nbd.listen.ClientStatus;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;

/** A server of nothing but the arrays it is given. */
public final class FakeControl implements Control {
  private final List<ServedArray> arrays;
  private volatile String notReady = "";

  public FakeControl(ServedArray... arrays) {
    this.arrays = new CopyOnWriteArrayList<>(arrays);
  }

  public void notReady(String sentence) {
    notReady = sentence;
  }

  @Override
  public List<ServedArray> arrays() {
    return arrays;
  }

  @Override
  public List<ClientStatus> clients() {
    return List.of();
  }

  @Override
  public Optional<String> notReady() {
    return notReady.isEmpty() ? Optional.empty() : Optional.of(notReady);
  }

  @Override
  public CompletableFuture<String> addBitmap(
      ServedArray array, String location, long chunkBytes, Writing writing) {
    return location.equals("/in/the/way")
        ? CompletableFuture.failedFuture(new IOException("it is there already"))
        : CompletableFuture.completedFuture(
            "in %s, %d bytes a bit, %s".formatted(location, chunkBytes, writing));
  }

  @Override
  public CompletableFuture<String> removeBitmap(ServedArray array) {
    return CompletableFuture.completedFuture("none");
  }

  @Override
  public CompletableFuture<String> addMember(ServedArray array, String path, boolean force) {
    return path.equals("/in/use")
        ? CompletableFuture.failedFuture(new RefusedException("/in/use is in use"))
        : CompletableFuture.completedFuture("add " + path + " " + force);
  }

  @Override
  public CompletableFuture<String> reAddMember(ServedArray array, String path) {
    return CompletableFuture.completedFuture("re-add " + path);
  }

  @Override
  public CompletableFuture<String> replaceMember(
      ServedArray array, String old, String path, boolean force) {
    return CompletableFuture.completedFuture("replace " + old + " by " + path + " " + force);
  }

  @Override
  public CompletableFuture<String> stop(ServedArray array) {
    return array
        .stop()
        .thenApply(name -> {
          arrays.remove(array);
          return name;
        });
  }

  @Override
  public CompletableFuture<List<String>> stop() {
    return arrays.getFirst().stop().thenApply(List::of);
  }
}
