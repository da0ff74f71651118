/**
 * One small file, such as a bitmap, that is held for this process alone and whose every write is
 * durable by itself: written to its blocks on the device below where that is safe, else through its
 * filesystem.
 */
@NullMarked
package io.nbdmirror.io.held;

import org.jspecify.annotations.NullMarked;
