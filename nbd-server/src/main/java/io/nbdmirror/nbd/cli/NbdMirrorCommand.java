package io.nbdmirror.nbd.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.RunLast;
import picocli.CommandLine.Spec;

/**
 * The root command. Exit status of every command: 0 done, 1 the operation failed, 2 usage. A
 * command fails by throwing {@link CommandException} or an {@link IOException} whose message is a
 * sentence for a person, or by printing its own sentences and returning {@link #EXIT_FAILED}.
 */
@Command(
    name = "nbdmirror",
    description = "A RAID1 mirror in user space, served over NBD, in Linux md's on-disk formats.",
    synopsisSubcommandLabel = "COMMAND",
    subcommands = {
      DemoCommand.class,
      CreateCommand.class,
      ServeCommand.class,
      StatusCommand.class,
      DetailCommand.class,
      ClientsCommand.class,
      AddCommand.class,
      FailCommand.class,
      RemoveCommand.class,
      ReAddCommand.class,
      ReplaceCommand.class,
      SetCommand.class,
      GrowCommand.class,
      CheckCommand.class,
      RepairCommand.class,
      IdleCommand.class,
      StopCommand.class,
      ExamineCommand.class,
      ExamineBitmapCommand.class,
      BitmapCommand.class,
      ZeroSuperblockCommand.class,
    },
    footer = {
      "",
      "Examples:",
      "  nbdmirror demo",
      "  truncate -s 1G a.img b.img",
      "  nbdmirror create data a.img b.img",
      "  nbdmirror serve a.img b.img",
      "",
      "'nbdmirror COMMAND --help' tells more about a command.",
      "Exit status: 0 done, 1 the operation failed, 2 wrong usage.",
    })
public final class NbdMirrorCommand implements Runnable {
  public static final int EXIT_DONE = 0;
  public static final int EXIT_FAILED = 1;
  public static final int EXIT_USAGE = 2;

  private static final ProgramVersion VERSION = new ProgramVersion();
  private static final Logger LOG = LoggerFactory.getLogger(NbdMirrorCommand.class);

  @Spec private @Nullable CommandSpec spec;

  /** The whole command line, ready to execute; output goes where its writers are set to. */
  public static CommandLine commandLine() {
    CommandLine commandLine = new CommandLine(new NbdMirrorCommand());
    addToAll(commandLine);
    commandLine.setExecutionStrategy(NbdMirrorCommand::runAndFlush);
    commandLine.setExecutionExceptionHandler((failure, command, parsed) -> {
      command.getErr().println("nbdmirror: " + sentence(failure));
      return EXIT_FAILED;
    });
    commandLine.setParameterExceptionHandler((failure, arguments) -> {
      CommandLine command = failure.getCommandLine();
      PrintWriter err = command.getErr();
      err.println("nbdmirror: " + failure.getMessage());
      err.println("Try '" + command.getCommandSpec().qualifiedName() + " --help'.");
      return EXIT_USAGE;
    });
    return commandLine;
  }

  /** The writers flush by themselves at the end of a line only. */
  private static int runAndFlush(ParseResult parsed) {
    try {
      return new RunLast().execute(parsed);
    } finally {
      parsed.asCommandLineList().forEach(command -> command.getOut().flush());
    }
  }

  @Override
  public void run() {
    CommandSpec command = Objects.requireNonNull(spec);
    throw new ParameterException(command.commandLine(), "which command?");
  }

  private static void addToAll(CommandLine commandLine) {
    commandLine.getCommandSpec().mixinStandardHelpOptions(true).versionProvider(VERSION);
    commandLine.getCommandSpec().usageMessage().autoWidth(true).sortOptions(false);
    commandLine.getSubcommands().values().forEach(NbdMirrorCommand::addToAll);
  }

  /** What went wrong, for a person; a bug keeps its stack trace for the debug log. */
  private static String sentence(Exception failure) {
    if ((failure instanceof CommandException || failure instanceof IOException)
        && failure.getMessage() != null) {
      return failure.getMessage();
    }
    LOG.debug("unexpected", failure);
    return "internal error: " + failure;
  }
}
