/** What this module may know and do. */
@NullMarked
package io.nbdmirror.raid.architecture;

import org.jspecify.annotations.NullMarked;
