package io.nbdmirror.nbd.array;

import io.nbdmirror.raid.status.ArrayStatus;

/**
 * The bitmap of an array that is served. Immutable.
 *
 * @param array the export's name
 * @param kind where it is kept
 */
public record ArrayBitmapDocument(
    String array, ArrayStatus.BitmapKind kind, BitmapDocument bitmap) {}
