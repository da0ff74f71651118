package io.nbdmirror.nbd.listen;

import io.nbdmirror.nbd.export.MetaContext;
import io.nbdmirror.nbd.handshake.Negotiated;
import io.nbdmirror.nbd.tls.SecureSession;
import io.nbdmirror.nbd.transmission.TransferCounters;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What is told of one connection: a line when it is attached, and a line when it ends that says
 * why. Any thread may call.
 */
final class ConnectionStory {
  private static final Logger log = LoggerFactory.getLogger(ConnectionStory.class);
  private static final double NANOS_PER_SECOND = 1e9;

  private final String peer;
  private final long connectedNanos = System.nanoTime();
  private final long connectedMicros = ChronoUnit.MICROS.between(Instant.EPOCH, Instant.now());
  private final AtomicReference<@Nullable String> why = new AtomicReference<>();
  private volatile @Nullable Negotiated negotiated;
  private volatile String refusal = "";

  ConnectionStory(String peer) {
    this.peer = peer;
  }

  String peer() {
    return peer;
  }

  long connectedNanos() {
    return connectedNanos;
  }

  /** An option was refused; the last one is likely why a client gives up. */
  void refused(String option, String sentence) {
    refusal = option + ": " + sentence;
  }

  void attached(Negotiated agreed, @Nullable SecureSession session) {
    negotiated = agreed;
    log.info(
        "{} attached to '{}': {}{}",
        peer,
        agreed.export().name(),
        String.join(", ", features(agreed, session)),
        session == null ? "" : "; " + identity(session));
  }

  private static String identity(SecureSession session) {
    return session.subject().isEmpty()
        ? session.cipherSuite() + ", no certificate shown"
        : session.cipherSuite() + ", as '" + session.subject() + "'";
  }

  /** Why it ends; the first who knows is right. */
  void ending(String reason) {
    why.compareAndSet(null, reason);
  }

  void ended(TransferCounters counters) {
    Negotiated agreed = negotiated;
    String known = why.get();
    String reason = known == null ? "it closed the connection" : known;
    String after =
        String.format(
            Locale.ROOT, "%.3f s", (System.nanoTime() - connectedNanos) / NANOS_PER_SECOND);
    if (agreed == null) {
      String last = refusal;
      log.info(
          "{} left its handshake after {}: {}{}",
          peer,
          after,
          reason,
          last.isEmpty() ? "" : "; refused last was " + last);
    } else {
      log.info(
          "{} left '{}' after {}: {}; {} requests, {} errors, {} bytes read, {} bytes written",
          peer,
          agreed.export().name(),
          after,
          reason,
          counters.requests(),
          counters.errors(),
          counters.readBytes(),
          counters.writtenBytes());
    }
  }

  ClientStatus status(@Nullable SecureSession session, TransferCounters counters) {
    Negotiated agreed = negotiated;
    return new ClientStatus(
        peer,
        session == null ? "" : session.subject(),
        agreed == null ? "" : agreed.export().name(),
        connectedMicros,
        agreed == null ? List.of() : features(agreed, session),
        counters.requests(),
        counters.inFlight(),
        counters.errors(),
        counters.readBytes(),
        counters.writtenBytes());
  }

  private static List<String> features(Negotiated agreed, @Nullable SecureSession session) {
    List<String> features = new ArrayList<>();
    if (agreed.fixedNewstyle()) {
      features.add("fixed-newstyle");
    }
    if (agreed.noZeroes()) {
      features.add("no-zeroes");
    }
    switch (agreed.format()) {
      case SIMPLE -> {}
      case STRUCTURED -> features.add("structured-replies");
      case EXTENDED -> features.add("extended-headers");
    }
    if (agreed.export().readOnly()) {
      features.add("read-only");
    }
    for (MetaContext context : agreed.contexts()) {
      features.add(context.name());
    }
    if (session != null) {
      features.add(session.protocol());
    }
    return features;
  }
}
