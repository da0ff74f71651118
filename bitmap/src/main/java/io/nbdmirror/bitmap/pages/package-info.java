/** The bitmap's pages in memory, and what of each is known to be on the medium. */
@NullMarked
package io.nbdmirror.bitmap.pages;

import org.jspecify.annotations.NullMarked;
