/** The mirror as a whole: one array of members that reads and writes like one device. */
@NullMarked
package io.nbdmirror.raid;

import org.jspecify.annotations.NullMarked;
