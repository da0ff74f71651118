package io.nbdmirror.nbd.serve;

import io.nbdmirror.nbd.serve.NbdOptions.ReadOnlyExport;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Under which names the arrays are exported: each under its own, and some once more for reading
 * only. Immutable.
 *
 * @param readOnlyNames those further names, by the array's own
 */
record ExportPlan(Map<String, List<String>> readOnlyNames) {
  /**
   * Checks that every name means one export, and that what is said of exports is said of some that
   * there are.
   *
   * @throws StartException with a sentence, if not
   */
  static ExportPlan of(List<ArrayPlan> arrays, NbdOptions options) throws StartException {
    Set<String> names = new HashSet<>();
    Map<String, List<String>> readOnlyNames = new LinkedHashMap<>();
    for (ArrayPlan array : arrays) {
      names.add(array.name());
      readOnlyNames.put(array.name(), new ArrayList<>());
    }
    for (ReadOnlyExport wanted : options.readOnlyExports()) {
      List<String> ofItsArray = readOnlyNames.get(arrayOf(wanted, readOnlyNames.keySet()));
      if (ofItsArray == null) {
        throw new StartException(
            "cannot export '%s' read-only: there is no array '%s'"
                .formatted(wanted.name(), wanted.array()));
      }
      if (!names.add(wanted.name())) {
        throw new StartException(
            "there are two exports named '%s'; give one of them another name"
                .formatted(wanted.name()));
      }
      ofItsArray.add(wanted.name());
    }
    if (options.defaultExport().isPresent()) {
      requireKnown(options.defaultExport().get(), "the default", names);
    }
    for (String ruled : options.access().exports().keySet()) {
      requireKnown(ruled, "one with rules of its own", names);
    }
    return new ExportPlan(readOnlyNames);
  }

  private static String arrayOf(ReadOnlyExport wanted, Set<String> arrays) throws StartException {
    if (!wanted.array().isEmpty()) {
      return wanted.array();
    }
    if (arrays.size() != 1) {
      throw new StartException(
          "cannot export '%s' read-only: say of which array, as ARRAY=%s"
              .formatted(wanted.name(), wanted.name()));
    }
    return arrays.iterator().next();
  }

  private static void requireKnown(String name, String as, Set<String> names)
      throws StartException {
    if (!names.contains(name)) {
      throw new StartException(
          "export '%s' is named as %s, and there is none of that name; there are: %s"
              .formatted(name, as, String.join(", ", names.stream().sorted().toList())));
    }
  }

  List<String> readOnlyNamesOf(String array) {
    return readOnlyNames.getOrDefault(array, List.of());
  }
}
