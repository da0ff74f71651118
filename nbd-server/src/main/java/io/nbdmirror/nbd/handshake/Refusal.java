package io.nbdmirror.nbd.handshake;

/**
 * Why a client does not get what it asked for.
 *
 * @param replyType one of the protocol's error reply types
 * @param sentence what the client is told
 */
public record Refusal(int replyType, String sentence) {}
