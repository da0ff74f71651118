/** What is offered to clients under a name. */
@NullMarked
package io.nbdmirror.nbd.export;

import org.jspecify.annotations.NullMarked;
