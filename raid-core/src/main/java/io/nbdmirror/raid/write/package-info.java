/** The way of a write: order, superblocks active, bits durable, members, reply. */
@NullMarked
package io.nbdmirror.raid.write;

import org.jspecify.annotations.NullMarked;
