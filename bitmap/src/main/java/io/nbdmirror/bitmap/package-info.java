/** The write-intent bitmap as the write path, resync and assembly use it. */
@NullMarked
package io.nbdmirror.bitmap;

import org.jspecify.annotations.NullMarked;
