/** Starting, asking and stopping a server, and the launcher that does it from a source tree. */
@NullMarked
package io.nbdmirror.integration.lifecycle;

import org.jspecify.annotations.NullMarked;
