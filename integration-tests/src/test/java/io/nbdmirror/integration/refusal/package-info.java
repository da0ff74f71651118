/** What cannot work is refused in one sentence, and not a byte is written. */
@NullMarked
package io.nbdmirror.integration.refusal;

import org.jspecify.annotations.NullMarked;
