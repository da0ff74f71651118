@NullMarked
package io.nbdmirror.raid.resync;

import org.jspecify.annotations.NullMarked;
