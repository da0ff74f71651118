/**
 * The protocol on the wire: tables of cases, each of them bytes that a client sends and bytes that
 * must come back, and the means to run them over any transport and in any pieces. Knows none of the
 * server's numbers and encoders.
 */
@NullMarked
package io.nbdmirror.nbd.wire;

import org.jspecify.annotations.NullMarked;
