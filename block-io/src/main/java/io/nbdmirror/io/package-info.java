/**
 * Bytes and files: what a block device is, who runs its completions, and how its failures are told.
 *
 * <p>Threading, for the whole project: a device belongs to one {@linkplain
 * io.nbdmirror.io.Scheduler loop}. It is called on that loop only and completes on that loop only,
 * so what is built on it needs no lock.
 */
@NullMarked
package io.nbdmirror.io;

import org.jspecify.annotations.NullMarked;
