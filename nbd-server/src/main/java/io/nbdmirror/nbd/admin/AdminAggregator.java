package io.nbdmirror.nbd.admin;

import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPipeline;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpMessage;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpResponseStatus;

/**
 * Puts a request and its body together, within a limit; a body beyond it is answered in the API's
 * own error shape, and its connection closed rather than read to the end.
 */
final class AdminAggregator extends HttpObjectAggregator {
  AdminAggregator(int maxBodyBytes) {
    super(maxBodyBytes, true);
  }

  @Override
  protected void handleOversizedMessage(ChannelHandlerContext ctx, HttpMessage oversized) {
    ctx.writeAndFlush(tooLarge()).addListener(ChannelFutureListener.CLOSE);
  }

  @Override
  protected Object newContinueResponse(
      HttpMessage start, int maxContentLength, ChannelPipeline pipeline) {
    Object response = super.newContinueResponse(start, maxContentLength, pipeline);
    if (response instanceof FullHttpResponse full
        && full.status().equals(HttpResponseStatus.REQUEST_ENTITY_TOO_LARGE)) {
      full.release();
      return tooLarge();
    }
    return response;
  }

  private FullHttpResponse tooLarge() {
    return AdminHandler.response(
        AdminReply.error(
            HttpResponseStatus.REQUEST_ENTITY_TOO_LARGE.code(),
            "the body is larger than the " + maxContentLength() + " bytes that are taken"),
        false);
  }
}
