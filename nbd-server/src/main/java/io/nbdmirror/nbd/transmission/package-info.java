/** Requests and replies of a client that is attached to an export. */
@NullMarked
package io.nbdmirror.nbd.transmission;

import org.jspecify.annotations.NullMarked;
