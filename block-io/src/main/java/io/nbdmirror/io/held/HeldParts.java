package io.nbdmirror.io.held;

/**
 * What an opening has put together.
 *
 * @param raw written to its blocks
 * @param howWritten which way and why, for the log
 */
record HeldParts(
    String path,
    long sizeBytes,
    boolean raw,
    boolean writable,
    String howWritten,
    Route route,
    Guard guard,
    Release release) {}
