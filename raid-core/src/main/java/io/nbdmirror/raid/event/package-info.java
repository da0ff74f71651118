/** What happens to an array as a whole: its superblocks, its event count, its failures. */
@NullMarked
package io.nbdmirror.raid.event;

import org.jspecify.annotations.NullMarked;
