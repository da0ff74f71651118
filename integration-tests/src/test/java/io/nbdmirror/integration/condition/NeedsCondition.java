package io.nbdmirror.integration.condition;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.platform.commons.support.AnnotationSupport;

/** Decides for {@link Needs}. */
final class NeedsCondition implements ExecutionCondition {
  @Override
  public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
    Optional<Needs> needs = AnnotationSupport.findAnnotation(context.getElement(), Needs.class);
    if (needs.isEmpty()) {
      return ConditionEvaluationResult.enabled("needs nothing");
    }
    List<String> missing =
        Arrays.stream(needs.get().value()).filter(command -> !onPath(command)).toList();
    if (!missing.isEmpty()) {
      return ConditionEvaluationResult.disabled("not installed: " + String.join(", ", missing));
    }
    if (needs.get().root() && !"root".equals(System.getProperty("user.name"))) {
      return ConditionEvaluationResult.disabled("not root");
    }
    return ConditionEvaluationResult.enabled("all there");
  }

  private static boolean onPath(String command) {
    String path = Optional.ofNullable(System.getenv("PATH")).orElse("");
    return Arrays.stream(path.split(File.pathSeparator))
        .map(folder -> Path.of(folder, command))
        .anyMatch(Files::isExecutable);
  }
}
