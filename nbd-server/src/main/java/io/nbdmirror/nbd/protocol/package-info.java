/** The NBD wire format: numbers, layouts and strings, as both sides of a connection know them. */
@NullMarked
package io.nbdmirror.nbd.protocol;

import org.jspecify.annotations.NullMarked;
