/** The program: where it starts. */
@NullMarked
package io.nbdmirror.nbd;

import org.jspecify.annotations.NullMarked;
