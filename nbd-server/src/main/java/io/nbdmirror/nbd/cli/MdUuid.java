package io.nbdmirror.nbd.cli;

import java.util.UUID;

/** A UUID the way mdadm writes it: {@code 7187e93d:c73872fe:a140fd64:b557889c}. */
final class MdUuid {
  private MdUuid() {}

  static String text(UUID uuid) {
    long high = uuid.getMostSignificantBits();
    long low = uuid.getLeastSignificantBits();
    return "%08x:%08x:%08x:%08x".formatted(high >>> 32, (int) high, low >>> 32, (int) low);
  }
}
