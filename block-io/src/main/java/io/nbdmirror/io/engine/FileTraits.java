package io.nbdmirror.io.engine;

import io.nbdmirror.io.nativecalls.FilesystemType;

/**
 * What was found out about a file when it was opened.
 *
 * @param sizeBytes what of it is used, a multiple of {@code blockBytes}
 * @param blockBytes unit of requests
 * @param blockSpecial a block device; otherwise a regular file
 * @param direct the data descriptor was opened with O_DIRECT
 * @param directAlignmentBytes what offsets, lengths and addresses of direct I/O are multiples of
 * @param durableIsDirect the durable descriptor was opened with O_DIRECT
 * @param discards a hole can be punched
 * @param filesystem how long its calls may take
 */
public record FileTraits(
    long sizeBytes,
    int blockBytes,
    boolean blockSpecial,
    boolean direct,
    int directAlignmentBytes,
    boolean durableIsDirect,
    boolean discards,
    FilesystemType filesystem) {}
