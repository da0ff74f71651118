package io.nbdmirror.nbd.listen;

import java.util.Collection;
import java.util.Comparator;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The connections there are, and no more than there may be. Those that stay in their handshake
 * cannot keep others out: when all places are taken, the one that has been there longest loses its
 * own. Any thread may call.
 */
final class Connections {
  private static final Logger log = LoggerFactory.getLogger(Connections.class);

  private final int limit;
  private final Map<Connection, Boolean> open = new ConcurrentHashMap<>();

  /** Since there was room the last time. */
  private final AtomicLong turnedAway = new AtomicLong();

  Connections(int limit) {
    this.limit = limit;
  }

  /** Takes one in; false if there is no room and nobody who can be asked to make some. */
  boolean add(Connection connection) {
    if (open.size() >= limit && !makeRoom()) {
      // A line for each would let a flood of clients fill the log's disk.
      if (turnedAway.getAndIncrement() == 0) {
        log.warn(
            "turned {} away: all {} connections are taken by clients at work; more will be turned"
                + " away without a line until one of them leaves",
            connection.peer(),
            limit);
      }
      return false;
    }
    open.put(connection, true);
    return true;
  }

  private boolean makeRoom() {
    Optional<Connection> longest =
        open.keySet().stream()
            .filter(Connection::isHandshaking)
            .min(Comparator.comparingLong(Connection::connectedNanos));
    longest.ifPresent(connection -> {
      open.remove(connection);
      connection.giveWay();
    });
    return longest.isPresent();
  }

  void remove(Connection connection) {
    open.remove(connection);
    long away = turnedAway.getAndSet(0);
    if (away > 0) {
      log.warn("there is room again; {} clients were turned away meanwhile", away);
    }
  }

  Collection<Connection> all() {
    return open.keySet();
  }
}
