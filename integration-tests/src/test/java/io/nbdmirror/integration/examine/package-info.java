/** What is said of members, next to what mdadm says of them. */
@NullMarked
package io.nbdmirror.integration.examine;

import org.jspecify.annotations.NullMarked;
