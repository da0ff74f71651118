package io.nbdmirror.nbd.cli;

import io.nbdmirror.nbd.array.ArrayUuid;
import io.nbdmirror.nbd.config.ConfigException;
import io.nbdmirror.nbd.config.ConfigFile;
import io.nbdmirror.nbd.config.ConfigTable;
import io.nbdmirror.nbd.config.ConfigTable.Setting;
import io.nbdmirror.nbd.serve.ArrayChoice;
import io.nbdmirror.nbd.serve.MemberPath;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParseResult;

/**
 * What a configuration file tells the serve command. A setting has the name of a flag, takes what
 * the flag takes, and gives way to the flag on the command line; only members, {@code uuid} and
 * {@code [[array]]} are the file's own.
 */
final class ServeConfig {
  private static final String MEMBERS = "members";
  private static final String UUID_SETTING = "uuid";
  private static final Set<String> COMMAND_LINE_ONLY =
      Set.of("--config", "--check-config", "--help", "--version");

  private final Path path;
  private final ConfigFile file;
  private final CommandSpec serve;
  private final ParseResult given;

  /**
   * Reads a file and holds every setting to what its flag takes.
   *
   * @param serve the command, which has been parsed
   */
  ServeConfig(Path path, CommandSpec serve) throws CommandException {
    this.path = path;
    this.serve = serve;
    given = serve.commandLine().getParseResult();
    try {
      file = ConfigFile.read(path);
    } catch (ConfigException e) {
      throw failed(e);
    }
  }

  /** Names of the settings that may stand in a file, but for the file's own. */
  static Stream<OptionSpec> settings(CommandSpec command) {
    return command.options().stream()
        .filter(option -> !COMMAND_LINE_ONLY.contains(option.longestName()));
  }

  /** Gives every flag that is not on the command line the value that the file has for it. */
  void applyFlags() throws CommandException {
    try {
      for (Setting setting : file.settings().settings()) {
        if (setting.name().equals(MEMBERS)) {
          setting.texts(true, false);
          continue;
        }
        OptionSpec option = option(serve, setting);
        Object value = FlagValue.of(option, setting, file.folder());
        if (!given.hasMatchedOption(option.longestName())) {
          option.setValue(value);
        }
      }
    } catch (ConfigException e) {
      throw failed(e);
    }
  }

  /** Members that are given for all arrays. */
  List<MemberPath> members() throws CommandException {
    try {
      return members(file.settings());
    } catch (ConfigException e) {
      throw failed(e);
    }
  }

  /** The arrays that the file tells of one by one. */
  List<ArrayChoice> arrays() throws CommandException {
    List<ArrayChoice> arrays = new ArrayList<>();
    try {
      for (ConfigTable table : file.arrays()) {
        arrays.add(array(table));
      }
      return arrays;
    } catch (ConfigException e) {
      throw failed(e);
    }
  }

  private ArrayChoice array(ConfigTable table) throws ConfigException {
    ArrayFlags flags = new ArrayFlags();
    CommandSpec own = new CommandLine(flags).getCommandSpec();
    for (Setting setting : table.settings()) {
      if (!setting.name().equals(MEMBERS) && !setting.name().equals(UUID_SETTING)) {
        option(own, setting);
      }
    }
    for (OptionSpec option : own.options()) {
      Object value = inForce(option, table);
      if (value != null) {
        option.setValue(value);
      }
    }
    UUID uuid = uuid(table.setting(UUID_SETTING));
    List<MemberPath> members = members(table);
    if (uuid == null && members.isEmpty()) {
      throw table.wrong("an [[array]] needs a uuid or members: which one is it?");
    }
    String where = "the array in line %d of %s".formatted(table.line(), path);
    try {
      return new ArrayChoice(where, uuid, members, flags.options());
    } catch (IllegalArgumentException e) {
      throw table.wrong(String.valueOf(e.getMessage()));
    }
  }

  /** The command line's, else the array's own, else what the file says for all. */
  private @Nullable Object inForce(OptionSpec option, ConfigTable table) throws ConfigException {
    Setting own = table.setting(settingName(option));
    Setting forAll = file.settings().setting(settingName(option));
    Object value = own == null ? null : FlagValue.of(option, own, file.folder());
    if (given.hasMatchedOption(option.longestName())) {
      return given.matchedOption(option.longestName()).getValue();
    }
    return value != null || forAll == null ? value : FlagValue.of(option, forAll, file.folder());
  }

  private List<MemberPath> members(ConfigTable table) throws ConfigException {
    Setting members = table.setting(MEMBERS);
    return members == null
        ? List.of()
        : members.texts(true, false).stream()
            .map(text -> MemberPath.fileOrPattern(text, file.folder()))
            .toList();
  }

  private static @Nullable UUID uuid(@Nullable Setting setting) throws ConfigException {
    if (setting == null) {
      return null;
    }
    String text = setting.texts(false, false).getFirst();
    return ArrayUuid.parse(text)
        .orElseThrow(() -> setting.wrong("takes a UUID, as detail shows it, not \"" + text + "\""));
  }

  private static OptionSpec option(CommandSpec command, Setting setting) throws ConfigException {
    return settings(command)
        .filter(option -> settingName(option).equals(setting.name()))
        .findFirst()
        .orElseThrow(() -> setting.wrong("is no setting here; docs/configuration.md has them all"));
  }

  static String settingName(OptionSpec option) {
    return option.longestName().substring(2);
  }

  private static CommandException failed(ConfigException e) {
    return new CommandException(String.valueOf(e.getMessage()));
  }
}
