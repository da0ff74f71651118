/** The system calls we make, each bound once, and the numbers Linux gives their arguments. */
@NullMarked
package io.nbdmirror.io.nativecalls;

import org.jspecify.annotations.NullMarked;
