<<<<<<< HEAD
/** What {@code mdadm} and nbdmirror say of the same members. */
=======
/** What is said of members, next to what mdadm says of them. */
>>>>>>> w-meta
@NullMarked
package io.nbdmirror.integration.examine;

import org.jspecify.annotations.NullMarked;
