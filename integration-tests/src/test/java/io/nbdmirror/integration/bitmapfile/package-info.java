/** Bitmaps in files, through the program's own commands and next to what mdadm says of them. */
@NullMarked
package io.nbdmirror.integration.bitmapfile;

import org.jspecify.annotations.NullMarked;
