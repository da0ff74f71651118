package io.nbdmirror.nbd.admin;

/**
 * What a route answers with.
 *
 * @param body never changed after it was handed over
 */
@SuppressWarnings("ArrayRecordComponent")
record AdminReply(int status, String contentType, byte[] body) {
  private static final String JSON = "application/json; charset=utf-8";

  static AdminReply json(Object document) {
    return new AdminReply(200, JSON, AdminJson.write(document));
  }

  static AdminReply error(int status, String sentence) {
    return new AdminReply(status, JSON, AdminJson.write(new AdminError(status, sentence)));
  }
}
