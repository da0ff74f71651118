package io.nbdmirror.nbd.wire;

import io.nbdmirror.nbd.export.ExportRegistry;

/** The handlers alone: no socket decides here in what pieces bytes arrive. */
final class EmbeddedTransport implements WireTransport {
  private final ExportRegistry exports = WireExports.on(EmbeddedServer.loop());

  @Override
  public Connection connect() {
    EmbeddedServer server = new EmbeddedServer(exports);
    return new Connection() {
      @Override
      public void send(byte[] bytes) {
        server.send(bytes);
      }

      @Override
      public byte[] receive() {
        byte[] received = server.received();
        if (received.length == 0 && server.isOpen()) {
          throw new AssertionError("the server is silent and waits");
        }
        return received;
      }

      @Override
      public void close() {
        server.close();
        if (server.usedBytes() != 0 || server.isUnfinished()) {
          throw new AssertionError(server.usedBytes() + " bytes are in flight for ever");
        }
      }
    };
  }

  @Override
  public void close() {}

  @Override
  public String toString() {
    return "handlers";
  }
}
