/**
 * New arrays: where everything goes on a member, what a member carries already, and the writing.
 */
@NullMarked
package io.nbdmirror.raid.creation;

import org.jspecify.annotations.NullMarked;
