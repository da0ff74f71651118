package io.nbdmirror.nbd.wire;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/**
 * Every case of every table, over every transport, in pieces of every kind.
 *
 * <p>A case is a row in {@link HandshakeCases}, {@link MetaContextCases}, {@link RequestCases} or
 * {@link ChunkCases}; one more row is tested everywhere at once. For a further transport, see
 * {@link WireTransport}.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class WireTest {
  private final List<WireTransport> transports = new ArrayList<>();

  @BeforeAll
  void listen(@TempDir Path folder) throws IOException {
    transports.add(new EmbeddedTransport());
    transports.add(SocketTransport.tcp());
    transports.add(SocketTransport.unix(folder));
  }

  @AfterAll
  void stop() throws IOException {
    for (WireTransport transport : transports) {
      transport.close();
    }
  }

  private static Stream<WireCase> cases() {
    return Stream.of(
            HandshakeCases.all(), MetaContextCases.all(), RequestCases.all(), ChunkCases.all())
        .flatMap(List::stream);
  }

  @TestFactory
  Stream<DynamicTest> theServerAnswersAsTheTablesSay() {
    return cases()
        .flatMap(testCase ->
            transports.stream()
                .flatMap(transport ->
                    Stream.of(Delivery.values())
                        .map(delivery ->
                            DynamicTest.dynamicTest(
                                "%s (%s, %s)".formatted(testCase, transport, delivery),
                                () -> run(testCase, transport, delivery)))));
  }

  private static void run(WireCase testCase, WireTransport transport, Delivery delivery)
      throws IOException {
    try (WireTransport.Connection connection = transport.connect()) {
      delivery.run(testCase, connection);
    }
  }
}
