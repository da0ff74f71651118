package io.nbdmirror.nbd.handshake;

import io.nbdmirror.nbd.export.Export;
import org.jspecify.annotations.Nullable;

/**
 * What one client may do, by what is known of it so far: whether it is under TLS, and who it has
 * proved to be. Called on its channel's loop.
 */
public interface Admission {
  /** Whether nothing but STARTTLS and ABORT is to be answered yet. */
  boolean awaitsTls();

  /** Why STARTTLS is refused; null if it is not. */
  @Nullable Refusal refusalOfTls();

  /** Whether the client may know that there is this export. */
  boolean mayKnow(Export export);

  /** Why the client may not have an export; null if it may. */
  @Nullable Refusal refusalOf(Export export);

  /**
   * Gives the client an export, and with it one of the export's places until its connection ends.
   *
   * @return why not, or null
   */
  @Nullable Refusal admit(Export export);
}
