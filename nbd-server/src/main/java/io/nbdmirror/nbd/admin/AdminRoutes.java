package io.nbdmirror.nbd.admin;

import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpResponseStatus;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * The table of what may be asked: a method, a path whose {@code {segments}} are variables, and who
 * answers. Built once, then read by any thread.
 */
final class AdminRoutes {
  /** Answers one request, on a virtual thread of its own. */
  @FunctionalInterface
  interface Responder {
    AdminReply respond(AdminRequest request) throws AdminException, InterruptedException;
  }

  /** A row of the table that fits a request. */
  record Match(Responder responder, Map<String, String> variables) {}

  private record Route(String method, List<String> pattern, Responder responder) {}

  private final List<Route> routes = new ArrayList<>();

  /** Adds something to read; HEAD is understood as well. */
  AdminRoutes get(String pattern, Responder responder) {
    routes.add(new Route("GET", segments(pattern), responder));
    return this;
  }

  /** Adds something that changes the server; asking for it takes the token. */
  AdminRoutes post(String pattern, Responder responder) {
    routes.add(new Route("POST", segments(pattern), responder));
    return this;
  }

  /** Whether a request by this method changes anything and therefore takes the token. */
  static boolean changes(HttpMethod method) {
    return !method.equals(HttpMethod.GET) && !method.equals(HttpMethod.HEAD);
  }

  /**
   * Finds the row for a request.
   *
   * @param path without query, percent-encoded
   * @throws AdminException 404 for a path that no row has, 405 for a method that its rows lack
   */
  Match find(HttpMethod method, String path) throws AdminException {
    List<String> segments = segments(path);
    TreeSet<String> allowed = new TreeSet<>();
    for (Route route : routes) {
      Map<String, String> variables = variables(route.pattern(), segments);
      if (variables == null) {
        continue;
      }
      allowed.add(route.method());
      if (route.method().equals("GET")) {
        allowed.add("HEAD");
      }
      if (allowed.contains(method.name())) {
        return new Match(route.responder(), variables);
      }
    }
    if (allowed.isEmpty()) {
      throw new AdminException(
          HttpResponseStatus.NOT_FOUND, "there is nothing at " + path + " on this server");
    }
    throw AdminException.methodNotAllowed(method.name(), path, String.join(", ", allowed));
  }

  private static List<String> segments(String path) {
    return List.of(path.split("/", -1));
  }

  private static @Nullable Map<String, String> variables(
      List<String> pattern, List<String> segments) throws AdminException {
    if (pattern.size() != segments.size()) {
      return null;
    }
    Map<String, String> variables = new HashMap<>();
    for (int i = 0; i < pattern.size(); i++) {
      String part = pattern.get(i);
      if (part.startsWith("{")) {
        variables.put(part.substring(1, part.length() - 1), decoded(segments.get(i)));
      } else if (!part.equals(segments.get(i))) {
        return null;
      }
    }
    return variables;
  }

  private static String decoded(String segment) throws AdminException {
    try {
      return URLDecoder.decode(segment.replace("+", "%2B"), StandardCharsets.UTF_8);
    } catch (IllegalArgumentException e) {
      throw new AdminException(
          HttpResponseStatus.BAD_REQUEST, "'" + segment + "' is not properly percent-encoded");
    }
  }
}
