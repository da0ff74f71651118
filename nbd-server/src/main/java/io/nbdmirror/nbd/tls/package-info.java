/**
 * TLS for NBD connections: by X.509 certificates, or by keys that both sides share. Credentials are
 * files, read again when they change.
 */
@NullMarked
package io.nbdmirror.nbd.tls;

import org.jspecify.annotations.NullMarked;
