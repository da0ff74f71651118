package io.nbdmirror.nbd.admin;

/**
 * The one shape of every error the admin API answers with.
 *
 * @param status the HTTP status again
 * @param error one sentence for a person
 */
public record AdminError(int status, String error) {}
