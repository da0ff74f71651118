/** A server put together, from members to listeners, and taken apart again in order. */
@NullMarked
package io.nbdmirror.nbd.serve;

import org.jspecify.annotations.NullMarked;
