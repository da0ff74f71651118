package io.nbdmirror.nbd.tls;

/**
 * What a TLS handshake came to.
 *
 * @param protocol as {@code TLS 1.3}
 * @param cipherSuite by the name that its specification gives it
 * @param subject who the client has proved to be: the subject of its certificate as RFC 2253 writes
 *     it, or the name that goes with its key; empty when it showed no certificate
 */
public record SecureSession(String protocol, String cipherSuite, String subject) {}
