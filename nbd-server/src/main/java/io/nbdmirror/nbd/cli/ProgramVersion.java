package io.nbdmirror.nbd.cli;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Properties;
import picocli.CommandLine.IVersionProvider;

/** The version the build stamped into the program. */
public final class ProgramVersion implements IVersionProvider {
  /** As in the build, for example {@code 0.1.0}. */
  public static String current() {
    Properties stamped = new Properties();
    try (InputStream in = ProgramVersion.class.getResourceAsStream("/nbdmirror.properties")) {
      if (in == null) {
        throw new IllegalStateException("nbdmirror.properties is missing from the program");
      }
      stamped.load(in);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return stamped.getProperty("version", "unknown");
  }

  @Override
  public String[] getVersion() {
    return new String[] {"nbdmirror " + current()};
  }
}
