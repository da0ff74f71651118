/** The engine under a simulated disk, loop and clock. */
@NullMarked
package io.nbdmirror.raid;

import org.jspecify.annotations.NullMarked;
