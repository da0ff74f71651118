/** Memory that is there before it is needed (I9). */
@NullMarked
package io.nbdmirror.bitmap.memory;

import org.jspecify.annotations.NullMarked;
