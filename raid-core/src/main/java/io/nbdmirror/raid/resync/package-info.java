/** Making members the same again, chunk by chunk, while clients read and write. */
@NullMarked
package io.nbdmirror.raid.resync;

import org.jspecify.annotations.NullMarked;
