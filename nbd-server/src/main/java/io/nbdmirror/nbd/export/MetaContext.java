package io.nbdmirror.nbd.export;

import io.nbdmirror.io.Completion;

/** Something that an export can tell of every part of itself: a metadata context. */
public interface MetaContext {
  /** What clients ask for it by: a namespace, a colon, and a name in it. */
  String name();

  /**
   * Describes the range that {@code into} stands at the start of, or a beginning of it. Called on
   * the export's loop and completes there, possibly before this returns.
   */
  void describe(StatusExtents into, Completion done);
}
