/** Which members make up an array, and in what state it starts. */
@NullMarked
package io.nbdmirror.raid.assembly;

import org.jspecify.annotations.NullMarked;
