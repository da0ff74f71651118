package io.nbdmirror.nbd.wire;

import java.util.ArrayList;
import java.util.List;

/**
 * One row of a table: what a client sends, step by step, and what must come back.
 *
 * @param name what it shows, as a sentence
 * @param exchanges in order; the first that expects the end is the last
 */
record WireCase(String name, List<Exchange> exchanges) {

  /** Bytes, and the messages that answer them; among themselves those may come in any order. */
  @SuppressWarnings("ArrayRecordComponent")
  record Exchange(byte[] sent, List<Expected> expected) {}

  WireCase {
    exchanges = List.copyOf(exchanges);
  }

  static Exchange on(byte[] sent, Expected... expected) {
    return new Exchange(sent, List.of(expected));
  }

  /** A case that begins with the greeting. */
  static WireCase of(String name, Exchange... exchanges) {
    List<Exchange> all = new ArrayList<>();
    all.add(on(Sent.NOTHING, Expected.greeting()));
    all.addAll(List.of(exchanges));
    return new WireCase(name, all);
  }

  @Override
  public String toString() {
    return name;
  }
}
