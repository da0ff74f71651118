package io.nbdmirror.raid.assembly;

import io.nbdmirror.io.BlockDevice;

/**
 * The file that an array's bitmap is said to be in.
 *
 * @param device byte by byte, exactly as long as the file
 * @param raw written at its raw block offsets; otherwise through its filesystem
 */
public record BitmapFile(BlockDevice device, boolean raw) {}
