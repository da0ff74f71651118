package io.nbdmirror.raid.status;

/**
 * Running totals of one array since it was assembled; a snapshot for metrics.
 *
 * @param bitmapPagesWritten bitmap pages written, each counted once however many copies it has
 * @param bitmapCommits group commits of the bitmap
 * @param resyncCopiedBytes bytes that resync and recovery wrote to members
 * @param superblockUpdates times that all superblocks were brought up to date
 * @param correctedReads blocks that the members there are now could not read and that were mended;
 *     over all times, as their superblocks count them
 */
public record ArrayCounters(
    long bitmapPagesWritten,
    long bitmapCommits,
    long resyncCopiedBytes,
    long superblockUpdates,
    long memberFailures,
    long correctedReads) {}
