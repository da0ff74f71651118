package io.nbdmirror.nbd.tls;

import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.codec.DecoderException;
import io.netty.handler.ssl.SslHandler;
import io.netty.handler.ssl.SslHandshakeCompletionEvent;
import java.nio.channels.ClosedChannelException;
import java.security.cert.X509Certificate;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLPeerUnverifiedException;
import javax.net.ssl.SSLSession;
import org.jspecify.annotations.Nullable;

/** Says in our words how a handshake of Netty's {@link SslHandler} ended. */
final class X509Outcome extends ChannelInboundHandlerAdapter {
  private final SslHandler tls;
  private boolean ended;

  X509Outcome(SslHandler tls) {
    this.tls = tls;
  }

  @Override
  public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
    if (event instanceof SslHandshakeCompletionEvent completion) {
      ended = true;
      ctx.fireUserEventTriggered(
          completion.isSuccess()
              ? new TlsOutcome.Secured(session(tls.engine().getSession()))
              : new TlsOutcome.Failed(why(completion.cause())));
    } else {
      ctx.fireUserEventTriggered(event);
    }
  }

  private static SecureSession session(SSLSession session) {
    return new SecureSession(
        session.getProtocol().replace("TLSv", "TLS "), session.getCipherSuite(), subject(session));
  }

  private static String subject(SSLSession session) {
    try {
      return session.getPeerCertificates()[0] instanceof X509Certificate certificate
          ? certificate.getSubjectX500Principal().getName()
          : "";
    } catch (SSLPeerUnverifiedException showedNone) {
      return "";
    }
  }

  private static String why(@Nullable Throwable cause) {
    if (cause instanceof ClosedChannelException) {
      return "the client closed the connection in the middle of the TLS handshake";
    }
    Throwable deepest = cause;
    StringBuilder text = new StringBuilder("the TLS handshake failed");
    // The outermost tells what went wrong, the innermost why a certificate is not trusted.
    while (deepest != null) {
      String message = deepest.getMessage();
      if (message != null && text.indexOf(message) < 0) {
        text.append(": ").append(message);
      }
      deepest = deepest.getCause();
    }
    return text.toString();
  }

  /** The event tells of a handshake's failure already; later ones are the connection's end. */
  @Override
  public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    Throwable reason =
        cause instanceof DecoderException && cause.getCause() instanceof SSLException broken
            ? broken
            : cause;
    boolean told = reason instanceof SSLException && ended && !tls.handshakeFuture().isSuccess();
    if (!told) {
      ctx.fireExceptionCaught(reason);
    }
  }
}
