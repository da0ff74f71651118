package io.nbdmirror.nbd.admin;

import io.nbdmirror.nbd.listen.ClientStatus;
import io.nbdmirror.raid.status.ArrayStatus;
import java.util.List;

/** The admin API's documents that are not one array's own. */
public final class AdminDocuments {
  private AdminDocuments() {}

  /** {@code GET /api/v1/arrays}, which is {@code status --json}. */
  public record Arrays(List<ArrayStatus> arrays) {}

  /** {@code GET /api/v1/clients}. */
  public record Clients(List<ClientStatus> clients) {}

  /**
   * The answer to a stop.
   *
   * @param stopped names of the arrays
   */
  public record Stopped(List<String> stopped) {}

  /**
   * The answer to a health question that found nothing wrong.
   *
   * @param health "live" or "ready"
   */
  public record Health(String health) {}
}
