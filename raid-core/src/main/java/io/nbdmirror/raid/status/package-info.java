/** What an array tells about itself: plain values, safe to hand to any thread. */
@NullMarked
package io.nbdmirror.raid.status;

import org.jspecify.annotations.NullMarked;
