/** The way of a read: from a member that has the data, and from the next when that one fails. */
@NullMarked
package io.nbdmirror.raid.read;

import org.jspecify.annotations.NullMarked;
