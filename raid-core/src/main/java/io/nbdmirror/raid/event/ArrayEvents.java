package io.nbdmirror.raid.event;

import io.nbdmirror.raid.member.Member;
import java.util.function.Consumer;

/**
 * Tells whoever listens what happens to one array. Nobody listens at first. Used on the array's
 * loop; the listener must not block.
 */
public final class ArrayEvents {
  private final String array;
  private Consumer<ArrayEvent> listener = ignored -> {};

  public ArrayEvents(String array) {
    this.array = array;
  }

  public void listen(Consumer<ArrayEvent> events) {
    listener = events;
  }

  /** About the array. */
  public void tell(ArrayEvent.Kind kind, String detail) {
    listener.accept(new ArrayEvent(kind, array, "", detail));
  }

  /** About a member. */
  public void tell(ArrayEvent.Kind kind, Member member, String detail) {
    listener.accept(new ArrayEvent(kind, array, member.path(), detail));
  }
}
