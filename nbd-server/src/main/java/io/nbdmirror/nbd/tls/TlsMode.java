package io.nbdmirror.nbd.tls;

import java.util.Locale;

/** Whether clients may, or must, ask for TLS. */
public enum TlsMode {
  /** There is none: STARTTLS is refused. */
  OFF,
  /** Who asks for it gets it; exports that require it are for those alone. */
  ON,
  /** Without it no client learns anything, not even which exports there are. */
  REQUIRE;

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
