/**
 * A Linux kernel with nbd and md, under emulation, as our client and as the members' other reader.
 */
@NullMarked
package io.nbdmirror.integration.guest;

import org.jspecify.annotations.NullMarked;
