package io.nbdmirror.nbd.cli;

import io.nbdmirror.nbd.listen.ClientStatus;
import java.util.List;
import java.util.Locale;

/** The connected clients for people: a line each. */
final class ClientsText {
  private ClientsText() {}

  static String of(List<ClientStatus> clients) {
    if (clients.isEmpty()) {
      return "no client is connected\n";
    }
    StringBuilder text = new StringBuilder();
    text.append(
        row("PEER", "EXPORT", "SINCE", "REQUESTS", "IN FLIGHT", "READ", "WRITTEN", "NEGOTIATED"));
    for (ClientStatus client : clients) {
      text.append(
          row(
              client.peer(),
              client.export().isEmpty() ? "(handshake)" : client.export(),
              Amounts.time(client.connectedMicros()),
              client.requests(),
              client.inFlight(),
              Amounts.bytes(client.readBytes()),
              Amounts.bytes(client.writtenBytes()),
              String.join(", ", client.negotiated())));
    }
    return text.toString();
  }

  private static String row(Object... cells) {
    return String.format(Locale.ROOT, "%-28s %-16s %-24s %10s %9s %10s %10s  %s%n", cells);
  }
}
