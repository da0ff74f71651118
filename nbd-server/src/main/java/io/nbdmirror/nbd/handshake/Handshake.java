package io.nbdmirror.nbd.handshake;

import io.nbdmirror.nbd.export.ExportRegistry;
import io.nbdmirror.nbd.protocol.Wire;
import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;

/**
 * The phases of the fixed newstyle handshake, from the client's flags on: finds the options in what
 * a client sends and does what they lead to.
 *
 * <pre>
 *  CLIENT_FLAGS ──> OPTION_HEADER ──> OPTION_DATA ──> ATTACHED
 *                    ^  ^    ^ │        │  │      GO, EXPORT_NAME
 *                    │  │    │ │ refused│  │
 *                    │  │    │ v        │  │ any other
 *                    │  │  SKIPPING     │  │
 *                    │  └───────────────┼──┘
 *                    └──── SECURING <───┘ STARTTLS
 *  any phase ──> CLOSED on ABORT, on a broken rule, at the time limit
 * </pre>
 *
 * <p>Which options there are and what they mean is in {@link Options}. Used on the channel's loop.
 */
final class Handshake {
  private static final int KNOWN_CLIENT_FLAGS = Wire.FLAG_FIXED_NEWSTYLE | Wire.FLAG_NO_ZEROES;

  /** What a handshake does to its connection. */
  interface Owner {
    /** Whether the server is going away. */
    boolean isShuttingDown();

    /** Whether an option of this many bytes may be kept; they are to be given back. */
    boolean reserve(int bytes);

    void giveBack(int bytes);

    ByteBuf newBuffer();

    void send(ByteBuf answer);

    /** What the client may do. */
    Admission admission();

    /** Told of every error that is sent. */
    void optionRefused(String option, String why);

    /** Sends, and from then on reads and sends under TLS; {@link #secured} follows. */
    void sendAndSecure(ByteBuf answer);

    /** Sends, and then hands the connection over to transmission. */
    void sendAndAttach(ByteBuf answer, Negotiated negotiated);

    /** Sends, and then closes. */
    void sendAndClose(ByteBuf answer);

    /** Closes with no answer. */
    void close(String why);
  }

  private enum Phase {
    CLIENT_FLAGS,
    OPTION_HEADER,
    OPTION_DATA,
    SKIPPING,
    SECURING,
    ATTACHED,
    CLOSED
  }

  private final Owner owner;
  private final ExportRegistry exports;
  private final HandshakeLimits limits;
  private Negotiation negotiation;

  private Phase phase = Phase.CLIENT_FLAGS;
  private Option option = Options.of(0);
  private int optionBytes;
  private int bytesToSkip;
  private @Nullable OptionException refusal;
  private int failedOptions;

  /** What the option at hand has been given beyond what every connection may keep. */
  private int reservedBytes;

  Handshake(ExportRegistry exports, HandshakeLimits limits, Owner owner) {
    this.owner = owner;
    this.exports = exports;
    this.limits = limits;
    negotiation = new Negotiation(exports, owner.admission(), 0);
  }

  /** Whether the client still has to choose an export. */
  boolean isUnderWay() {
    return phase != Phase.ATTACHED && phase != Phase.CLOSED;
  }

  boolean isAttached() {
    return phase == Phase.ATTACHED;
  }

  boolean isClosed() {
    return phase == Phase.CLOSED;
  }

  /** Nothing more is to be read. */
  void end() {
    phase = Phase.CLOSED;
    giveBack();
  }

  private void giveBack() {
    if (reservedBytes > 0) {
      owner.giveBack(reservedBytes);
      reservedBytes = 0;
    }
  }

  /** The client is under TLS: all that it agreed on without has been for nothing. */
  void secured() {
    if (phase == Phase.SECURING) {
      negotiation = negotiation.startedAnew();
      phase = Phase.OPTION_HEADER;
    }
  }

  /** Returns whether a step was taken; false when more bytes must come first. */
  boolean step(ByteBuf in) {
    return switch (phase) {
      case CLIENT_FLAGS -> clientFlags(in);
      case OPTION_HEADER -> optionHeader(in);
      case OPTION_DATA -> optionData(in);
      case SKIPPING -> skip(in);
      case SECURING, ATTACHED, CLOSED -> false;
    };
  }

  private boolean clientFlags(ByteBuf in) {
    if (in.readableBytes() < Wire.CLIENT_FLAGS_BYTES) {
      return false;
    }
    int flags = in.readInt();
    if ((flags & ~KNOWN_CLIENT_FLAGS) != 0) {
      owner.close("its client flags 0x%x hold one that it was not offered".formatted(flags));
      return false;
    }
    negotiation = new Negotiation(exports, owner.admission(), flags);
    phase = Phase.OPTION_HEADER;
    return true;
  }

  private boolean optionHeader(ByteBuf in) {
    if (in.readableBytes() < Wire.OPTION_HEADER_BYTES) {
      return false;
    }
    long magic = in.readLong();
    option = Options.of(in.readInt());
    long length = in.readUnsignedInt();
    if (magic != Wire.OPTION_MAGIC) {
      owner.close("what it sent is not an option");
    } else if (!negotiation.fixedNewstyle() && option.code() != Wire.OPT_EXPORT_NAME) {
      owner.close("it sent %s without the fixed newstyle flag".formatted(optionName()));
    } else if (length > HandshakeLimits.SKIPPED_BYTES) {
      owner.close("the %d bytes of its %s are too long".formatted(length, optionName()));
    } else {
      return optionAnnounced((int) length);
    }
    return false;
  }

  private boolean optionAnnounced(int lengthBytes) {
    optionBytes = lengthBytes;
    option.announced(negotiation);
    OptionException why = refusalOf(lengthBytes);
    if (why == null) {
      phase = Phase.OPTION_DATA;
      return true;
    }
    owner.optionRefused(optionName(), String.valueOf(why.getMessage()));
    if (option.refused(why) instanceof OptionOutcome.Ended(String last)) {
      owner.close(last);
      return false;
    }
    refusal = why;
    bytesToSkip = lengthBytes;
    phase = Phase.SKIPPING;
    return true;
  }

  /** Why an option is refused without a look at its data, which is then skipped. */
  private @Nullable OptionException refusalOf(int lengthBytes) {
    if (owner.isShuttingDown() && option.code() != Wire.OPT_ABORT) {
      return new OptionException(Wire.REP_ERR_SHUTDOWN, "this server is shutting down");
    }
    if (owner.admission().awaitsTls()
        && option.code() != Wire.OPT_STARTTLS
        && option.code() != Wire.OPT_ABORT) {
      return new OptionException(Wire.REP_ERR_TLS_REQD, "this server speaks to nobody without TLS");
    }
    if (lengthBytes > option.maxDataBytes()) {
      return new OptionException(
          Wire.REP_ERR_TOO_BIG,
          "the data of this option is at most %d bytes".formatted(option.maxDataBytes()));
    }
    if (lengthBytes > HandshakeLimits.OPTION_DATA_BYTES) {
      if (!owner.reserve(lengthBytes)) {
        return new OptionException(
            Wire.REP_ERR_TOO_BIG, "this server is too busy for options of that size: try again");
      }
      reservedBytes = lengthBytes;
    }
    return null;
  }

  private boolean skip(ByteBuf in) {
    int skipped = Math.min(bytesToSkip, in.readableBytes());
    in.skipBytes(skipped);
    bytesToSkip -= skipped;
    if (bytesToSkip > 0 || refusal == null) {
      return false;
    }
    return refuse(refusal);
  }

  private boolean optionData(ByteBuf in) {
    if (in.readableBytes() < optionBytes) {
      return false;
    }
    ByteBuf data = in.readSlice(optionBytes);
    ByteBuf out = owner.newBuffer();
    OptionOutcome outcome;
    try {
      outcome = option.answer(negotiation, data, out);
    } catch (OptionException why) {
      owner.optionRefused(optionName(), String.valueOf(why.getMessage()));
      outcome = option.refused(why);
    }
    giveBack();
    return switch (outcome) {
      case OptionOutcome.Answered() -> {
        phase = Phase.OPTION_HEADER;
        owner.send(out);
        yield true;
      }
      case OptionOutcome.Refused(OptionException why) -> {
        out.release();
        yield refuse(why);
      }
      case OptionOutcome.Attached(Negotiated negotiated) -> {
        phase = Phase.ATTACHED;
        owner.sendAndAttach(out, negotiated);
        yield false;
      }
      case OptionOutcome.Secured() -> {
        if (in.isReadable()) {
          out.release();
          owner.close(
              "it sent %d bytes in the clear behind STARTTLS".formatted(in.readableBytes()));
        } else {
          phase = Phase.SECURING;
          owner.sendAndSecure(out);
        }
        yield false;
      }
      case OptionOutcome.Aborted() -> {
        phase = Phase.CLOSED;
        owner.sendAndClose(out);
        yield false;
      }
      case OptionOutcome.Ended(String why) -> {
        out.release();
        owner.close(why);
        yield false;
      }
    };
  }

  private boolean refuse(OptionException why) {
    phase = Phase.OPTION_HEADER;
    failedOptions++;
    if (failedOptions > limits.failedOptions()) {
      owner.close("more than %d of its options failed".formatted(limits.failedOptions()));
      return false;
    }
    ByteBuf out = owner.newBuffer();
    OptionReplies.error(out, option.code(), why);
    owner.send(out);
    return true;
  }

  private String optionName() {
    return Options.nameOf(option.code());
  }
}
