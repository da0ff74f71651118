/** Programs that the tests run: other people's tools, and nbdmirror as it is shipped. */
@NullMarked
package io.nbdmirror.integration.process;

import org.jspecify.annotations.NullMarked;
