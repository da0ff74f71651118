/** Members that come, go and change places while the array runs. */
@NullMarked
package io.nbdmirror.raid.membership;

import org.jspecify.annotations.NullMarked;
