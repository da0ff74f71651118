package io.nbdmirror.nbd.admin;

import io.nbdmirror.io.held.Writing;
import io.nbdmirror.nbd.listen.ClientStatus;
import io.nbdmirror.raid.status.ArrayStatus;
import java.util.List;
import org.jspecify.annotations.Nullable;

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
   * The body of {@code POST /api/v1/arrays/{array}/bitmap/add}.
   *
   * @param location "internal", or the absolute path of a file to be made
   * @param chunkBytes bytes of the array for each bit; 0 for the usual
   * @param writing how a file is written: "auto", "raw" or "file"
   */
  public record NewBitmap(String location, long chunkBytes, Writing writing) {}

  /**
   * The answer to a change of the bitmap.
   *
   * @param bitmap where it is kept now, for people
   */
  public record BitmapChanged(String array, String bitmap) {}

  /**
   * The body of {@code POST /api/v1/arrays/{array}/members/…}, but for replace and set.
   *
   * @param member its absolute path
   * @param force for add: whatever it carries
   */
  public record OneMember(@Nullable String member, boolean force) {}

  /**
   * The body of {@code POST /api/v1/arrays/{array}/members/replace}.
   *
   * @param member the absolute path of the one that goes
   * @param by of the one that comes
   * @param force whatever that carries
   */
  public record Replacement(@Nullable String member, @Nullable String by, boolean force) {}

  /** The body of {@code POST /api/v1/arrays/{array}/members/set}. */
  public record MemberFlags(@Nullable String member, @Nullable Boolean writeMostly) {}

  /**
   * The body of {@code POST /api/v1/arrays/{array}/grow}.
   *
   * @param raidDevices how many members the complete array has; null with {@code sizeBytes}
   * @param sizeBytes how long the array is to be, 0 for as long as its members allow; null with
   *     {@code raidDevices}
   * @param force shrink it
   */
  public record Growth(@Nullable Integer raidDevices, @Nullable Long sizeBytes, boolean force) {}

  /**
   * The body of {@code POST /api/v1/arrays/{array}/repair}, which needs none.
   *
   * @param from the absolute path of the member that is right
   */
  public record RepairSource(@Nullable String from) {}

  /**
   * The body of {@code POST /api/v1/arrays/{array}/speed}: of resync, recovery, check and repair.
   *
   * @param minBytesPerSecond clients do not slow them down below this
   * @param maxBytesPerSecond never faster; the largest long is without limit
   */
  public record SyncSpeed(@Nullable Long minBytesPerSecond, @Nullable Long maxBytesPerSecond) {}

  /**
   * The answer to a change of an array or its members.
   *
   * @param done what was done, for people
   */
  public record Changed(String array, String done) {}

  /**
   * The answer to a health question that found nothing wrong.
   *
   * @param health "live" or "ready"
   */
  public record Health(String health) {}
}
