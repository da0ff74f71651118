/** The server killed in the middle of its work, and what its members then hold. */
@NullMarked
package io.nbdmirror.integration.crash;

import org.jspecify.annotations.NullMarked;
