/** Tests of the package of this name. */
@NullMarked
package io.nbdmirror.raid.creation;

import org.jspecify.annotations.NullMarked;
