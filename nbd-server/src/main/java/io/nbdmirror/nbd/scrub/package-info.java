/** Checking arrays by the calendar, so that bad blocks are found while there is a good copy. */
@NullMarked
package io.nbdmirror.nbd.scrub;

import org.jspecify.annotations.NullMarked;
