/** What {@code mdadm} and nbdmirror say of the same members. */
@NullMarked
package io.nbdmirror.integration.examine;

import org.jspecify.annotations.NullMarked;
