package io.nbdmirror.nbd.admin;

import io.nbdmirror.nbd.array.ServedArray;
import io.nbdmirror.nbd.listen.ClientStatus;
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
