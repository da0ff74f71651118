package io.nbdmirror.nbd.admin;

import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.util.NetUtil;
import java.net.InetAddress;
import java.net.UnknownHostException;

/**
 * Keeps web pages from elsewhere out. A browser lets any page send requests to a loopback address;
 * that page gives itself away by its Origin, or, when its own host name was made to point here (DNS
 * rebinding), by the Host it asks for.
 */
final class SameHost {
  private SameHost() {}

  /**
   * @throws AdminException when the request was not made by a program or page of this host
   */
  static void require(HttpHeaders headers) throws AdminException {
    String host = headers.get(HttpHeaderNames.HOST, "");
    if (headers.getAll(HttpHeaderNames.HOST).size() != 1 || host.isEmpty()) {
      throw new AdminException(
          HttpResponseStatus.BAD_REQUEST, "the request must carry one Host header");
    }
    if (!isLoopback(hostName(host))) {
      throw new AdminException(
          HttpResponseStatus.FORBIDDEN,
          "this server does not go by the name '" + host + "'; ask for localhost");
    }
    for (String origin : headers.getAll(HttpHeaderNames.ORIGIN)) {
      if (!origin.equalsIgnoreCase("http://" + host)) {
        throw new AdminException(
            HttpResponseStatus.FORBIDDEN, "pages of '" + origin + "' may not use this server");
      }
    }
  }

  private static String hostName(String host) {
    if (host.startsWith("[")) {
      int end = host.indexOf(']');
      return end < 0 ? host : host.substring(1, end);
    }
    int colon = host.indexOf(':');
    return colon < 0 ? host : host.substring(0, colon);
  }

  private static boolean isLoopback(String name) {
    if (name.equalsIgnoreCase("localhost")) {
      return true;
    }
    byte[] literal = NetUtil.createByteArrayFromIpAddressString(name);
    if (literal == null) {
      return false;
    }
    try {
      return InetAddress.getByAddress(literal).isLoopbackAddress();
    } catch (UnknownHostException e) {
      throw new IllegalArgumentException("not the bytes of an address: " + name, e);
    }
  }
}
