package io.nbdmirror.nbd.wire;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/**
 * What one client sends from its flags on: a handshake, and requests of which many make no sense
 * but all are well formed; and then, often, something that is broken.
 */
final class RandomSession {
  private static final String[] CONTEXTS = {
    "base:allocation", "qemu:dirty-bitmap:write-intent", "x-nbdmirror:", "x-nbdmirror:state", "a:b"
  };
  private static final int MAX_PAYLOAD_BYTES = 700;

  private final SplittableRandom random;
  private final List<byte[]> handshake = new ArrayList<>();
  private final List<byte[]> requests = new ArrayList<>();
  private final Framing framing;
  private final ReplyStream replies;

  RandomSession(long seed) {
    random = new SplittableRandom(seed);
    framing = Framing.by(random.nextInt(3));
    replies = new ReplyStream(framing);
    shakeHands();
    int count = random.nextInt(8);
    for (int i = 0; i < count; i++) {
      requests.add(request(i));
    }
  }

  private void shakeHands() {
    handshake.add(Sent.clientFlags(3));
    int nonsense = random.nextInt(3);
    for (int i = 0; i < nonsense; i++) {
      handshake.add(someOption());
    }
    // Whatever came before, this is what counts in the end.
    switch (framing) {
      case SIMPLE -> {}
      case STRUCTURED -> handshake.add(Sent.option(Sent.STRUCTURED_REPLY));
      case EXTENDED -> handshake.add(Sent.option(Sent.EXTENDED_HEADERS));
    }
    if (random.nextBoolean()) {
      handshake.add(
          Sent.option(Sent.SET_META_CONTEXT, Sent.queries("disk", someContext(), someContext())));
    }
    boolean byName = framing != Framing.EXTENDED && random.nextInt(4) == 0;
    handshake.add(
        byName
            ? Sent.option(Sent.EXPORT_NAME, Sent.text("disk"))
            : Sent.option(Sent.GO, Sent.info("disk", random.nextInt(5))));
  }

  private String someContext() {
    return CONTEXTS[random.nextInt(CONTEXTS.length)];
  }

  /** None that would change how requests are framed, or end the handshake. */
  private byte[] someOption() {
    return switch (random.nextInt(6)) {
      case 0 -> Sent.option(Sent.LIST);
      case 1 -> Sent.option(Sent.INFO, Sent.info("rom", random.nextInt(5), 3));
      case 2 -> Sent.option(Sent.INFO, noise(random.nextInt(20)));
      case 3 -> Sent.option(Sent.LIST_META_CONTEXT, Sent.queries("", "base:"));
      case 4 -> Sent.option(Sent.GO, Sent.info("no such thing"));
      default -> Sent.option(12 + random.nextInt(1000), noise(random.nextInt(100)));
    };
  }

  private byte[] request(long cookie) {
    int type = random.nextInt(10);
    if (type == Sent.DISC) {
      type = Sent.READ;
    }
    int flags = random.nextInt(3) == 0 ? random.nextInt(64) & ~Sent.PAYLOAD_LEN : 0;
    long offset = random.nextInt(8) == 0 ? random.nextLong() : random.nextInt(WireExports.SIZE);
    if (type == Sent.WRITE) {
      return Sent.write(framing, flags, cookie, offset, noise(random.nextInt(MAX_PAYLOAD_BYTES)));
    }
    boolean payload = framing == Framing.EXTENDED && random.nextInt(8) == 0;
    if (payload) {
      byte[] bytes = noise(random.nextInt(40));
      return Sent.join(
          Sent.request(framing, flags | Sent.PAYLOAD_LEN, type, cookie, offset, bytes.length),
          bytes);
    }
    int length = 1 << random.nextInt(18);
    if (type == Sent.READ) {
      replies.reading(cookie, length);
    }
    return Sent.request(framing, flags, type, cookie, offset, length);
  }

  private byte[] noise(int length) {
    byte[] bytes = new byte[length];
    random.nextBytes(bytes);
    return bytes;
  }

  /** Plays it, and checks all that can be known about the answers. */
  void play(EmbeddedServer server) {
    for (byte[] message : handshake) {
      deliver(server, message);
    }
    if (!server.isAttached()) {
      throw new AssertionError("the handshake came to nothing");
    }
    // It may have been delivered along with the last of the handshake.
    server.received();
    for (byte[] message : requests) {
      deliver(server, message);
    }
    replies.take(server.received());
    for (int cookie = 0; cookie < requests.size(); cookie++) {
      if (replies.ends(cookie) != 1) {
        throw new AssertionError(
            "request %d was answered %d times".formatted(cookie, replies.ends(cookie)));
      }
    }
    misbehave(server);
  }

  /** Plays it broken from the start: nothing is known about the answers, but it must end. */
  void playMutated(EmbeddedServer server) {
    List<byte[]> all = new ArrayList<>(handshake);
    all.addAll(requests);
    byte[] bytes = Sent.join(all.toArray(byte[][]::new));
    int mutations = 1 + random.nextInt(4);
    for (int i = 0; i < mutations; i++) {
      int at = random.nextInt(bytes.length);
      switch (random.nextInt(4)) {
        case 0 -> bytes[at] ^= (byte) (1 << random.nextInt(8));
        case 1 -> bytes[at] = (byte) (random.nextBoolean() ? 0 : 0xff);
        case 2 ->
            bytes =
                Sent.join(
                    Arrays.copyOf(bytes, at),
                    noise(random.nextInt(9)),
                    Arrays.copyOfRange(bytes, at, bytes.length));
        default -> bytes = Arrays.copyOf(bytes, at + 1);
      }
    }
    deliver(server, bytes);
  }

  private void misbehave(EmbeddedServer server) {
    switch (random.nextInt(5)) {
      case 0 -> deliver(server, noise(1 + random.nextInt(100)));
      case 1 -> deliver(server, Sent.request(framing, 0, Sent.DISC, 1, 0, 0));
      case 2 -> deliver(server, Sent.request(framing, Sent.PAYLOAD_LEN, Sent.WRITE, 1, 0, 1 << 20));
      case 3 -> {
        byte[] half = Sent.write(framing, 0, 1, 0, noise(300_000));
        deliver(server, Arrays.copyOf(half, random.nextInt(half.length)));
      }
      default -> {}
    }
  }

  /** In one piece, in two, or byte by byte. */
  private void deliver(EmbeddedServer server, byte[] bytes) {
    int pieces = random.nextInt(8);
    if (pieces == 0 && bytes.length < 200) {
      for (byte value : bytes) {
        server.send(new byte[] {value});
      }
    } else if (pieces < 3 && bytes.length > 1) {
      int cut = 1 + random.nextInt(bytes.length - 1);
      server.send(Arrays.copyOf(bytes, cut));
      server.send(Arrays.copyOfRange(bytes, cut, bytes.length));
    } else {
      server.send(bytes);
    }
  }
}
