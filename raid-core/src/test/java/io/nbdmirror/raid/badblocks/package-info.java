/** Tests of the bad-block log in memory. */
@NullMarked
package io.nbdmirror.raid.badblocks;

import org.jspecify.annotations.NullMarked;
