/** The write-intent bitmap as it lies on the medium: superblock, bits, and where each bit is. */
@NullMarked
package io.nbdmirror.bitmap.format;

import org.jspecify.annotations.NullMarked;
