/** The md superblock of a member: its format, where it lies, how a new one is laid out. */
@NullMarked
package io.nbdmirror.raid.superblock;

import org.jspecify.annotations.NullMarked;
