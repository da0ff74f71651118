/** Loops that production code runs on. */
@NullMarked
package io.nbdmirror.io.loop;

import org.jspecify.annotations.NullMarked;
