package io.nbdmirror.nbd.export;

import io.nbdmirror.io.BlockDevice;
import io.nbdmirror.io.Scheduler;

/**
 * A device offered to clients under a name.
 *
 * @param name what clients ask for
 * @param description a sentence for LIST
 * @param device what is served; called on {@code loop} only
 * @param loop the loop the device belongs to
 * @param preferredBlockBytes what clients do best to align to
 */
public record Export(
    String name,
    String description,
    BlockDevice device,
    Scheduler loop,
    boolean readOnly,
    int preferredBlockBytes) {}
