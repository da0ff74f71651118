/** What the server's packages may know and do. */
@NullMarked
package io.nbdmirror.nbd.architecture;

import org.jspecify.annotations.NullMarked;
