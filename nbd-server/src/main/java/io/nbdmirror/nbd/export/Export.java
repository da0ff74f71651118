package io.nbdmirror.nbd.export;

import io.nbdmirror.io.BlockDevice;
import io.nbdmirror.io.Scheduler;
import io.nbdmirror.nbd.protocol.ReplyFormat;
import io.nbdmirror.nbd.protocol.Wire;
import io.nbdmirror.nbd.protocol.WireString;
import java.util.List;

/**
 * A device offered to clients under a name.
 *
 * @param name what clients ask for
 * @param description a sentence for LIST; may be empty
 * @param device what is served; its requests are made on {@code loop} only. Its {@code
 *     blockBytes()} is 1: clients may ask for any byte range
 * @param loop the loop the device belongs to
 * @param preferredBlockBytes what clients do best to align to: a power of two, at least 512
 * @param contexts what it can tell of its parts, {@code base:allocation} among it
 */
public record Export(
    String name,
    String description,
    BlockDevice device,
    Scheduler loop,
    boolean readOnly,
    int preferredBlockBytes,
    List<MetaContext> contexts) {

  /** What clients do best to align to where the members say nothing else. */
  public static final int DEFAULT_PREFERRED_BLOCK_BYTES = 4096;

  /** The largest payload that clients are told to send or ask for. */
  public static final int ADVERTISED_PAYLOAD_BYTES = 32 << 20;

  /** The largest payload that is served; between the two limits, clients are forgiven. */
  public static final int MAX_PAYLOAD_BYTES = 64 << 20;

  /** An export that can tell of its holes and nothing else. */
  public Export(
      String name,
      String description,
      BlockDevice device,
      Scheduler loop,
      boolean readOnly,
      int preferredBlockBytes) {
    this(
        name,
        description,
        device,
        loop,
        readOnly,
        preferredBlockBytes,
        List.of(new AllocationContext(device)));
  }

  public Export {
    contexts = List.copyOf(contexts);
    if (!WireString.isValid(name) || !WireString.isValid(description)) {
      throw new IllegalArgumentException(
          "the name or description of export '%s' is longer than %d bytes or not plain text"
              .formatted(name, Wire.MAX_STRING_BYTES));
    }
    if (device.blockBytes() != 1) {
      throw new IllegalArgumentException(
          "%s cannot be exported: it takes only multiples of %d bytes"
              .formatted(device.path(), device.blockBytes()));
    }
    if (preferredBlockBytes < 512
        || preferredBlockBytes > ADVERTISED_PAYLOAD_BYTES
        || Integer.bitCount(preferredBlockBytes) != 1) {
      throw new IllegalArgumentException(
          "the preferred block size of export '%s' is %d, not a power of two from 512 to %d"
              .formatted(name, preferredBlockBytes, ADVERTISED_PAYLOAD_BYTES));
    }
  }

  /**
   * What this export can do for a client whose requests and replies are framed like this, in the
   * bits that the protocol calls transmission flags.
   */
  public int transmissionFlags(ReplyFormat format) {
    // A mirror is one device behind all its connections, so a flush on one covers all.
    int flags =
        Wire.HAS_FLAGS | Wire.SEND_FLUSH | Wire.SEND_FUA | Wire.CAN_MULTI_CONN | Wire.SEND_CACHE;
    if (format.isStructured()) {
      flags |= Wire.SEND_DF;
    }
    if (format == ReplyFormat.EXTENDED) {
      flags |= Wire.BLOCK_STATUS_PAYLOAD;
    }
    if (readOnly) {
      return flags | Wire.READ_ONLY;
    }
    // Zeroes are faster than data only where blocks can be given back.
    return flags
        | Wire.SEND_WRITE_ZEROES
        | (device.discards() ? Wire.SEND_TRIM | Wire.SEND_FAST_ZERO : 0);
  }
}
