@NullMarked
package io.nbdmirror.raid.write;

import org.jspecify.annotations.NullMarked;
