/** Files that are written to their raw block offsets, on real filesystems and block devices. */
@NullMarked
package io.nbdmirror.integration.heldfile;

import org.jspecify.annotations.NullMarked;
