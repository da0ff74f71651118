/** Members, bitmap files and mdadm's words about them, made by real Linux md and by hand. */
@NullMarked
package io.nbdmirror.raid.vectors;

import org.jspecify.annotations.NullMarked;
