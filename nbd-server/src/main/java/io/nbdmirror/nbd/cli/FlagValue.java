package io.nbdmirror.nbd.cli;

import io.nbdmirror.nbd.config.ConfigException;
import io.nbdmirror.nbd.config.ConfigTable.Setting;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.IGetter;
import picocli.CommandLine.Model.ISetter;
import picocli.CommandLine.Model.OptionSpec;

/** What a flag would have made of a setting: it is parsed on trial, as if it stood there. */
final class FlagValue implements IGetter, ISetter {
  private @Nullable Object value;

  private FlagValue() {}

  /**
   * The value as the flag's own type has it.
   *
   * @param folder where relative paths begin
   * @throws ConfigException when the flag would not take it
   */
  static Object of(OptionSpec option, Setting setting, Path folder) throws ConfigException {
    if (option.arity().max() == 0) {
      return setting.truth();
    }
    boolean number =
        Stream.of(long.class, Long.class, int.class, Integer.class)
            .anyMatch(option.auxiliaryTypes()[0]::equals);
    List<String> arguments = new ArrayList<>();
    for (String text : setting.texts(option.isMultiValue(), number)) {
      arguments.add(option.longestName());
      arguments.add(text);
    }
    try {
      return arguments.isEmpty() ? List.of() : inFolder(folder, parse(option, arguments));
    } catch (CommandLine.ParameterException e) {
      throw setting.wrong(
          "cannot be that: "
              + (e.getCause() instanceof CommandLine.TypeConversionException wrong
                  ? wrong.getMessage()
                  : e.getMessage()));
    }
  }

  private static Object parse(OptionSpec option, List<String> arguments) {
    FlagValue target = new FlagValue();
    OptionSpec trial =
        OptionSpec.builder(option).defaultValue(null).getter(target).setter(target).build();
    new CommandLine(CommandSpec.create().addOption(trial))
        .parseArgs(arguments.toArray(String[]::new));
    return Objects.requireNonNull(target.value);
  }

  private static Object inFolder(Path folder, Object value) {
    return switch (value) {
      case Path relative -> folder.resolve(relative);
      case List<?> list -> list.stream().map(each -> inFolder(folder, each)).toList();
      default -> value;
    };
  }

  @Override
  @SuppressWarnings({"unchecked", "TypeParameterUnusedInFormals", "NullAway"})
  public <T> T get() {
    return (T) value;
  }

  @Override
  @SuppressWarnings({"unchecked", "NullAway"})
  public <T> T set(T next) {
    T before = (T) value;
    value = next;
    return before;
  }
}
