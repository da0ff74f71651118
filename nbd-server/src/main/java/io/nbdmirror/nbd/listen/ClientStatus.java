package io.nbdmirror.nbd.listen;

import java.util.List;

/**
 * One connected client, for {@code clients} and the admin API. Immutable.
 *
 * @param peer where it connects from
 * @param subject who it has proved to be under TLS; empty without that
 * @param export what it is attached to; empty during the handshake
 * @param connectedMicros microseconds since 1970
 * @param negotiated the names of what was agreed on in the handshake
 * @param inFlight requests taken and not yet answered by the device
 * @param errors requests answered with an error
 */
public record ClientStatus(
    String peer,
    String subject,
    String export,
    long connectedMicros,
    List<String> negotiated,
    long requests,
    long inFlight,
    long errors,
    long readBytes,
    long writtenBytes) {}
