package io.nbdmirror.nbd;

import io.nbdmirror.nbd.cli.NbdMirrorCommand;

/** Where the program starts. */
public final class Main {
  private Main() {}

  public static void main(String[] arguments) {
    System.exit(NbdMirrorCommand.commandLine().execute(arguments));
  }
}
