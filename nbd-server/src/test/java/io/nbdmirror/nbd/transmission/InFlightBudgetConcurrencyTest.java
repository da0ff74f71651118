package io.nbdmirror.nbd.transmission;

import org.jetbrains.lincheck.datastructures.ModelCheckingOptions;
import org.jetbrains.lincheck.datastructures.Operation;
import org.junit.jupiter.api.Test;

/**
 * The barrier that all connections share, whatever their threads: every interleaving of its calls
 * is as good as some order of them, so that no byte is counted twice or lost.
 */
public class InFlightBudgetConcurrencyTest {
  private static final int LIMIT = 4;

  private final InFlightBudget budget = new InFlightBudget(LIMIT);

  @Operation
  public boolean takeOne() {
    return budget.tryReserve(1);
  }

  @Operation
  public boolean takeMost() {
    return budget.tryReserve(LIMIT - 1);
  }

  @Operation
  public void takeAnyway() {
    budget.reserve(2);
  }

  @Operation
  public void giveOne() {
    budget.release(1);
  }

  @Operation
  public long used() {
    return budget.usedBytes();
  }

  @Operation
  public boolean mayFirstFinish() {
    return budget.mayFinish("first");
  }

  @Operation
  public boolean maySecondFinish() {
    return budget.mayFinish("second");
  }

  @Operation
  public void firstHasFinished() {
    budget.finished("first");
  }

  @Test
  public void everyInterleavingIsSomeOrder() {
    new ModelCheckingOptions().iterations(20).invocationsPerIteration(300).check(getClass());
  }
}
