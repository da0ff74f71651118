/**
 * From the greeting to the export: option haggling, which ends with a client attached to one
 * export.
 */
@NullMarked
package io.nbdmirror.nbd.handshake;

import org.jspecify.annotations.NullMarked;
