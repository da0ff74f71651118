package io.nbdmirror.raid.creation;

/**
 * Something recognisable that a device carries.
 *
 * @param what for a sentence: "an ext4 filesystem"
 * @param offsetBytes of the bytes it was recognised by
 * @param lengthBytes how many those are; all of it for an md superblock
 * @param md whether it is an md superblock, of whatever version
 */
public record Signature(String what, long offsetBytes, int lengthBytes, boolean md) {}
