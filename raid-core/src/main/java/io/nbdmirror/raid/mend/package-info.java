/** Read errors put right: what one member cannot read is written to it again from another. */
@NullMarked
package io.nbdmirror.raid.mend;

import org.jspecify.annotations.NullMarked;
