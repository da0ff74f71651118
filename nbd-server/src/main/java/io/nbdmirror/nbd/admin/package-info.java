/**
 * The admin HTTP API: what is asked of a running server, by whom it may be asked, and the client.
 */
@NullMarked
package io.nbdmirror.nbd.admin;

import org.jspecify.annotations.NullMarked;
