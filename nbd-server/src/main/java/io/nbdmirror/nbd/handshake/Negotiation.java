package io.nbdmirror.nbd.handshake;

import io.nbdmirror.nbd.export.Export;
import io.nbdmirror.nbd.export.ExportRegistry;
import io.nbdmirror.nbd.export.MetaContext;
import io.nbdmirror.nbd.protocol.ReplyFormat;
import io.nbdmirror.nbd.protocol.Wire;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What one client has agreed on so far, and the exports it may choose from. */
final class Negotiation {
  private final ExportRegistry exports;
  private final Admission admission;
  private final int clientFlags;
  private ReplyFormat format = ReplyFormat.SIMPLE;

  /** The export that contexts were chosen of; they count if the client attaches to that one. */
  private @Nullable Export contextsOf;

  private List<MetaContext> contexts = List.of();

  Negotiation(ExportRegistry exports, Admission admission, int clientFlags) {
    this.exports = exports;
    this.admission = admission;
    this.clientFlags = clientFlags;
  }

  boolean fixedNewstyle() {
    return (clientFlags & Wire.FLAG_FIXED_NEWSTYLE) != 0;
  }

  boolean noZeroes() {
    return (clientFlags & Wire.FLAG_NO_ZEROES) != 0;
  }

  ReplyFormat format() {
    return format;
  }

  void setFormat(ReplyFormat format) {
    this.format = format;
  }

  void forgetContexts() {
    contextsOf = null;
    contexts = List.of();
  }

  void selectContexts(Export export, List<MetaContext> selected) {
    contextsOf = export;
    contexts = List.copyOf(selected);
  }

  Admission admission() {
    return admission;
  }

  /** Nothing agreed on, but the dialect: what follows a STARTTLS. */
  Negotiation startedAnew() {
    return new Negotiation(exports, admission, clientFlags);
  }

  /** The exports that the client may know of. */
  List<Export> list() {
    return exports.list().stream().filter(admission::mayKnow).toList();
  }

  /** The export that the client means by {@code name}, if it may have it. */
  Export find(String name) throws OptionException {
    Export export = ExportNames.find(exports, name);
    OptionException.throwIf(admission.refusalOf(export));
    return export;
  }

  /**
   * All of it, once the client attaches to {@code export}.
   *
   * @throws OptionException if the export takes nobody more
   */
  Negotiated negotiated(Export export, int transmissionFlags) throws OptionException {
    OptionException.throwIf(admission.admit(export));
    return new Negotiated(
        export,
        transmissionFlags,
        fixedNewstyle(),
        noZeroes(),
        format,
        export.equals(contextsOf) ? contexts : List.of());
  }
}
