package io.nbdmirror.integration.process;

/** What a test measured, for the person who reads the output of {@code ./verify}. */
public final class Figures {
  private Figures() {}

  /** Shows one line. */
  public static void show(String line) {
    System.err.println("FIGURE " + line);
  }
}
