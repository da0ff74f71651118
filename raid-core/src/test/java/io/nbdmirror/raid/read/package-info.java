/** Tests of whom a read goes to. */
@NullMarked
package io.nbdmirror.raid.read;

import org.jspecify.annotations.NullMarked;
