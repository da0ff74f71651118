/** An array that is being served, as threads other than its loop see it. */
@NullMarked
package io.nbdmirror.nbd.array;

import org.jspecify.annotations.NullMarked;
