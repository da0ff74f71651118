/** Tests of the package of this name. */
@NullMarked
package io.nbdmirror.raid.superblock;

import org.jspecify.annotations.NullMarked;
