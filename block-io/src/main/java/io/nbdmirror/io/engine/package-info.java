/**
 * How bytes reach an open file: the transfers themselves, and the engines that decide which thread
 * does them so that a loop never waits for a disk.
 */
@NullMarked
package io.nbdmirror.io.engine;

import org.jspecify.annotations.NullMarked;
