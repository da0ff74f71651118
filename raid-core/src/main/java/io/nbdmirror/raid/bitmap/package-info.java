/** The bitmap that an array has at the moment, and where a bitmap may lie. */
@NullMarked
package io.nbdmirror.raid.bitmap;

import org.jspecify.annotations.NullMarked;
