package io.nbdmirror.io.engine;

import io.nbdmirror.io.nativecalls.LibcCalls;
import io.nbdmirror.io.nativecalls.NativeCalls;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;

/**
 * The real system calls, but for those whose next results a test has written down: a negative one
 * is given without any call, a positive one cuts the call to that many bytes.
 */
public final class ScriptedCalls {
  private final Map<String, Queue<Long>> scripts = new HashMap<>();
  private final Queue<String> made = new ConcurrentLinkedQueue<>();

  /** What the next calls of this name give, in order; then they are real again. */
  public ScriptedCalls next(String name, long... results) {
    scripts.put(name, new ArrayDeque<>(Arrays.stream(results).boxed().toList()));
    return this;
  }

  /** Names of the calls that were made, in order. */
  public List<String> made() {
    return List.copyOf(made);
  }

  public NativeCalls calls() {
    NativeCalls real = LibcCalls.get();
    return (NativeCalls)
        Proxy.newProxyInstance(
            NativeCalls.class.getClassLoader(),
            new Class<?>[] {NativeCalls.class},
            (proxy, method, arguments) -> {
              made.add(method.getName());
              Queue<Long> script = scripts.getOrDefault(method.getName(), new ArrayDeque<>());
              Long result = script.poll();
              Object[] actual = arguments == null ? new Object[0] : arguments.clone();
              if (result != null && result <= 0) {
                return method.getReturnType() == int.class
                    ? (Object) result.intValue()
                    : (Object) result;
              }
              if (result != null) {
                actual[2] = Math.min((Long) actual[2], result);
              }
              try {
                return method.invoke(real, actual);
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
            });
  }
}
