package io.nbdmirror.io.architecture;

import static com.tngtech.archunit.base.DescribedPredicate.describe;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaAccess;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.lang.ArchRule;
import java.nio.file.Path;
import java.util.Set;

/** The rules. Each fails on a fixture that breaks it, and when there is nothing it applies to. */
public final class Rules {
  private static final Set<String> THREADS =
      Set.of(
          "java.lang.Thread",
          "java.lang.Thread$Builder",
          "java.util.Timer",
          "java.util.concurrent.Executors",
          "java.util.concurrent.ExecutorService",
          "java.util.concurrent.ScheduledExecutorService",
          "java.util.concurrent.ThreadPoolExecutor",
          "java.util.concurrent.ForkJoinPool");

  private static final Set<String> CLOCKS =
      Set.of(
          "java.time.Clock",
          "java.time.Instant",
          "java.time.LocalDateTime",
          "java.time.ZonedDateTime",
          "java.util.Date");

  private static final Set<String> CLOCK_METHODS = Set.of("nanoTime", "currentTimeMillis");

  private static final Set<String> BLOCKING =
      Set.of(
          "java.util.concurrent.Future",
          "java.util.concurrent.CompletableFuture",
          "java.util.concurrent.CountDownLatch",
          "java.util.concurrent.CyclicBarrier",
          "java.util.concurrent.Phaser",
          "java.util.concurrent.Semaphore",
          "java.util.concurrent.BlockingQueue",
          "java.util.concurrent.LinkedBlockingQueue",
          "java.util.concurrent.ArrayBlockingQueue",
          "java.nio.file.Files",
          "java.io.File",
          "java.io.FileInputStream",
          "java.io.FileOutputStream",
          "java.io.RandomAccessFile");

  private static final Set<String> BLOCKING_METHODS =
      Set.of("wait", "sleep", "join", "awaitUninterruptibly", "syncUninterruptibly", "await");

  private Rules() {}

  /** The classes that a module ships: what its build has put into {@code target/classes}. */
  public static JavaClasses shipped() {
    return new ClassFileImporter().importPath(Path.of("target", "classes"));
  }

  /** Nothing in these packages, or below with {@code ..}, is used. */
  public static ArchRule knowsNothingOf(String... packages) {
    return noClasses().should().dependOnClassesThat(resideInAnyPackage(packages));
  }

  /** Work is started through the scheduler alone. */
  public static ArchRule startsNoThread() {
    return noClasses().should().dependOnClassesThat(named("start threads", THREADS));
  }

  /** Time comes from the scheduler alone. */
  public static ArchRule readsNoClock() {
    return noClasses()
        .should()
        .dependOnClassesThat(named("tell the time", CLOCKS))
        .orShould()
        .accessTargetWhere(calls("reads a clock", "java.lang.System", CLOCK_METHODS));
  }

  /** Nothing waits: not for a lock, a thread, a file or a socket. */
  public static ArchRule blocksNowhere() {
    return noClasses()
        .should()
        .dependOnClassesThat(named("wait", BLOCKING))
        .orShould()
        .dependOnClassesThat(
            resideInAnyPackage("java.util.concurrent.locks..", "java.nio.channels..", "java.net.."))
        .orShould()
        .accessTargetWhere(calls("waits", "", BLOCKING_METHODS));
  }

  private static DescribedPredicate<JavaClass> named(String what, Set<String> names) {
    return describe(what, type -> names.contains(type.getName()));
  }

  /** A call of a method of this name, of the owner given or, where that is empty, of any. */
  private static DescribedPredicate<JavaAccess<?>> calls(
      String what, String owner, Set<String> methods) {
    return describe(
        what,
        access ->
            methods.contains(access.getTarget().getName())
                && (owner.isEmpty()
                    ? !access.getTargetOwner().getName().startsWith("io.nbdmirror.")
                        && !access.getTargetOwner().getName().equals("java.lang.String")
                    : access.getTargetOwner().getName().equals(owner)));
  }
}
