package io.nbdmirror.nbd.tls;

import io.netty.util.concurrent.DefaultThreadFactory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a few files say, read again within a second of a change. Until the new contents can be used
 * as a whole, the last good ones stay: whoever replaces three files does so one after the other.
 *
 * <p>Asks for the files' times and sizes once a second, for that also works where files are
 * replaced by links to other folders, and on network filesystems.
 *
 * @param <T> what is made of the contents; immutable
 */
final class WatchedFiles<T> implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(WatchedFiles.class);
  private static final long PERIOD_MILLIS = 1000;

  /** Makes something of the files; called where blocking is allowed. */
  @FunctionalInterface
  interface Loader<T> {
    T load() throws CredentialException;
  }

  private final String what;
  private final List<Path> files;
  private final Loader<T> loader;
  private final ScheduledExecutorService watch =
      Executors.newSingleThreadScheduledExecutor(new DefaultThreadFactory("credentials", true));

  private volatile T current;

  /** On the watching thread. */
  private List<String> seen;

  /**
   * Reads the files for the first time.
   *
   * @param what names the contents in log lines
   * @param files that may be absent, if the loader bears it
   */
  WatchedFiles(String what, List<Path> files, Loader<T> loader) throws CredentialException {
    this.what = what;
    this.files = List.copyOf(files);
    this.loader = loader;
    seen = fingerprints();
    current = loader.load();
  }

  /** From now on changes are noticed. */
  WatchedFiles<T> watch() {
    var _ =
        watch.scheduleWithFixedDelay(
            this::look, PERIOD_MILLIS, PERIOD_MILLIS, TimeUnit.MILLISECONDS);
    return this;
  }

  /** The last contents that were good. Any thread. */
  T current() {
    return current;
  }

  /** Reads again what has changed. */
  private void look() {
    List<String> now = fingerprints();
    if (now.equals(seen)) {
      return;
    }
    seen = now;
    try {
      current = loader.load();
      log.info("{}: read again, and used for new connections from now on", what);
    } catch (CredentialException | RuntimeException e) {
      log.warn("{}: changed, but the old ones stay in use: {}", what, e.getMessage());
    }
  }

  private List<String> fingerprints() {
    return files.stream().map(WatchedFiles::fingerprint).toList();
  }

  private static String fingerprint(Path file) {
    try {
      BasicFileAttributes found = Files.readAttributes(file, BasicFileAttributes.class);
      return found.lastModifiedTime() + " " + found.size() + " " + found.fileKey();
    } catch (IOException absent) {
      return "absent";
    }
  }

  @Override
  public void close() {
    watch.shutdownNow();
  }
}
