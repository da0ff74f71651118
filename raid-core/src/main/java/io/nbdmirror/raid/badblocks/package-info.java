/** Which blocks of a member are known to be bad: md's bad-block log in memory. */
@NullMarked
package io.nbdmirror.raid.badblocks;

import org.jspecify.annotations.NullMarked;
