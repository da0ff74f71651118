package io.nbdmirror.nbd.handshake;

import io.nbdmirror.nbd.export.Export;

/**
 * What a handshake that succeeded came to.
 *
 * @param export what the client is attached to
 * @param transmissionFlags what the client was told that the export can do
 * @param fixedNewstyle the client speaks the fixed dialect
 * @param noZeroes the client wants no padding behind the answer to EXPORT_NAME
 */
public record Negotiated(
    Export export, int transmissionFlags, boolean fixedNewstyle, boolean noZeroes) {}
