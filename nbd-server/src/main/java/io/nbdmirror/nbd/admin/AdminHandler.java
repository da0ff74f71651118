package io.nbdmirror.nbd.admin;

import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.TooLongHttpHeaderException;
import io.netty.handler.codec.http.TooLongHttpLineException;
import io.netty.handler.timeout.IdleStateEvent;
import java.util.Map;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One client of the admin API: checks what is the same for every request, finds the route, lets a
 * virtual thread answer. Takes the next request of the connection when this one is answered.
 */
final class AdminHandler extends SimpleChannelInboundHandler<FullHttpRequest> {
  private static final Logger log = LoggerFactory.getLogger(AdminHandler.class);

  private final AdminRoutes routes;
  private final AdminToken token;
  private final boolean reachableByBrowsers;
  private final Executor responders;

  /** Only touched on the connection's loop. */
  private boolean answering;

  private boolean closing;

  /** Told to every connection when the server goes: end with the answer that is under way. */
  enum Event {
    CLOSE
  }

  /**
   * @param reachableByBrowsers false for a unix socket, whose clients may call it what they like
   * @param responders runs each answer on a thread that may wait
   */
  AdminHandler(
      AdminRoutes routes, AdminToken token, boolean reachableByBrowsers, Executor responders) {
    this.routes = routes;
    this.token = token;
    this.reachableByBrowsers = reachableByBrowsers;
    this.responders = responders;
  }

  @Override
  protected void channelRead0(ChannelHandlerContext ctx, FullHttpRequest request) {
    boolean keepAlive = HttpUtil.isKeepAlive(request) && request.decoderResult().isSuccess();
    answering = true;
    try {
      check(request);
      String path = path(request.uri());
      AdminRoutes.Match match = routes.find(request.method(), path);
      if (AdminRoutes.changes(request.method())) {
        requireToken(request);
      }
      AdminRequest call =
          new AdminRequest(
              request.method().equals(HttpMethod.HEAD) ? "GET" : request.method().name(),
              path,
              match.variables(),
              ByteBufUtil.getBytes(request.content()));
      ctx.channel().config().setAutoRead(false);
      responders.execute(() -> send(ctx, answer(match.responder(), call), Map.of(), keepAlive));
    } catch (AdminException e) {
      refuse(ctx, e, keepAlive);
    } catch (RejectedExecutionException _) {
      send(ctx, AdminReply.error(503, "the server has stopped"), Map.of(), false);
    }
  }

  private void check(FullHttpRequest request) throws AdminException {
    Throwable garbage = request.decoderResult().cause();
    if (garbage instanceof TooLongHttpLineException) {
      throw new AdminException(
          HttpResponseStatus.REQUEST_URI_TOO_LONG, "the request line is too long");
    }
    if (garbage instanceof TooLongHttpHeaderException) {
      throw new AdminException(
          HttpResponseStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "the headers are too large");
    }
    if (garbage != null) {
      throw new AdminException(
          HttpResponseStatus.BAD_REQUEST, "this is not HTTP: " + garbage.getMessage());
    }
    if (reachableByBrowsers) {
      SameHost.require(request.headers());
    }
  }

  private void requireToken(FullHttpRequest request) throws AdminException {
    if (!token.isCarriedBy(request.headers().get(HttpHeaderNames.AUTHORIZATION))) {
      throw new AdminException(
          HttpResponseStatus.UNAUTHORIZED,
          "this changes the server and takes the token that it wrote into its runtime directory,"
              + " as Authorization: Bearer TOKEN");
    }
  }

  private static String path(String uri) {
    int query = uri.indexOf('?');
    return query < 0 ? uri : uri.substring(0, query);
  }

  private static AdminReply answer(AdminRoutes.Responder responder, AdminRequest call) {
    try {
      return responder.respond(call);
    } catch (AdminException e) {
      return AdminReply.error(e.status(), e.sentence());
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
      return AdminReply.error(503, "the server stopped before it could answer");
    } catch (RuntimeException e) {
      log.error("{} {} failed", call.method(), call.path(), e);
      return AdminReply.error(500, "the server has a defect: " + e);
    }
  }

  private void refuse(ChannelHandlerContext ctx, AdminException e, boolean keepAlive) {
    Map<String, String> headers = Map.of();
    if (!e.allow().isEmpty()) {
      headers = Map.of(HttpHeaderNames.ALLOW.toString(), e.allow());
    } else if (e.status() == HttpResponseStatus.UNAUTHORIZED.code()) {
      headers = Map.of(HttpHeaderNames.WWW_AUTHENTICATE.toString(), "Bearer");
    }
    send(ctx, AdminReply.error(e.status(), e.sentence()), headers, keepAlive);
  }

  private void send(
      ChannelHandlerContext ctx, AdminReply reply, Map<String, String> headers, boolean keepAlive) {
    FullHttpResponse response = response(reply, keepAlive);
    headers.forEach((name, value) -> response.headers().set(name, value));
    ctx.writeAndFlush(response).addListener(_ -> answered(ctx, keepAlive));
  }

  private void answered(ChannelHandlerContext ctx, boolean keepAlive) {
    answering = false;
    if (keepAlive && !closing) {
      ctx.channel().config().setAutoRead(true);
    } else {
      var _ = ctx.close();
    }
  }

  static FullHttpResponse response(AdminReply reply, boolean keepAlive) {
    FullHttpResponse response =
        new DefaultFullHttpResponse(
            HttpVersion.HTTP_1_1,
            HttpResponseStatus.valueOf(reply.status()),
            Unpooled.wrappedBuffer(reply.body()));
    response
        .headers()
        .set(HttpHeaderNames.CONTENT_TYPE, reply.contentType())
        .set(HttpHeaderNames.CONTENT_LENGTH, reply.body().length)
        .set(HttpHeaderNames.CACHE_CONTROL, HttpHeaderValues.NO_STORE)
        .set("x-content-type-options", "nosniff")
        .set(
            HttpHeaderNames.CONNECTION,
            keepAlive ? HttpHeaderValues.KEEP_ALIVE : HttpHeaderValues.CLOSE);
    return response;
  }

  @Override
  public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
    if (event instanceof IdleStateEvent || event == Event.CLOSE) {
      closing |= event == Event.CLOSE;
      if (!answering) {
        var _ = ctx.close();
      }
    } else {
      ctx.fireUserEventTriggered(event);
    }
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    log.debug("admin connection {} ended: {}", ctx.channel().remoteAddress(), cause.toString());
    var _ = ctx.close();
  }
}
