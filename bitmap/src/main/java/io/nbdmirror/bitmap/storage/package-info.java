/** Where a bitmap's pages are kept. */
@NullMarked
package io.nbdmirror.bitmap.storage;

import org.jspecify.annotations.NullMarked;
