/** One counter a chunk: how many writes are in flight, how long it is idle, whether it differs. */
@NullMarked
package io.nbdmirror.bitmap.counters;

import org.jspecify.annotations.NullMarked;
