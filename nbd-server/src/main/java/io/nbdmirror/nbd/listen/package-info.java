/** Sockets: where clients connect, which of them are connected, and how they are sent away. */
@NullMarked
package io.nbdmirror.nbd.listen;

import org.jspecify.annotations.NullMarked;
