package io.nbdmirror.nbd.array;

import io.nbdmirror.raid.status.ArrayCounters;
import io.nbdmirror.raid.status.ArrayStatus;

/**
 * The state and the running totals of one array, both taken at the same moment on its loop.
 *
 * @param name the export's
 */
public record ArraySnapshot(String name, ArrayStatus status, ArrayCounters counters) {}
