package io.nbdmirror.nbd.admin;

import io.netty.handler.codec.http.HttpResponseStatus;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/**
 * A request as a route sees it: past all checks that are the same for every route.
 *
 * @param method GET where the client said HEAD
 * @param path without query, still percent-encoded
 * @param variables what stood in the path where the route's pattern has {@code {name}}, decoded
 * @param body empty when there was none
 */
@SuppressWarnings("ArrayRecordComponent")
record AdminRequest(String method, String path, Map<String, String> variables, byte[] body) {

  String variable(String name) {
    String value = variables.get(name);
    if (value == null) {
      throw new IllegalArgumentException("the route of " + path + " has no {" + name + "}");
    }
    return value;
  }

  /** The body as a document, whose fields may be missing. */
  <T> T document(Class<T> type) throws AdminException {
    try {
      return AdminJson.read(body, type);
    } catch (IOException _) {
      throw new AdminException(
          HttpResponseStatus.BAD_REQUEST,
          "the body of %s %s is not the JSON that belongs there".formatted(method, path));
    }
  }

  boolean hasBody() {
    return body.length > 0;
  }

  /**
   * Holds the client to sending nothing, or an empty JSON object: a field that would be ignored is
   * a misunderstanding.
   */
  void requireEmptyBody() throws AdminException {
    String text = new String(body, StandardCharsets.UTF_8).strip();
    if (!text.isEmpty() && !text.replaceAll("\\s", "").equals("{}")) {
      throw new AdminException(
          HttpResponseStatus.BAD_REQUEST,
          "%s %s takes no body; send none, or {}".formatted(method, path));
    }
  }
}
