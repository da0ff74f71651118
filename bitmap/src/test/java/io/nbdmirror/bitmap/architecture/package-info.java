/** What this module may know and do. */
@NullMarked
package io.nbdmirror.bitmap.architecture;

import org.jspecify.annotations.NullMarked;
