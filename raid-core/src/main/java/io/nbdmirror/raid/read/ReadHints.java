package io.nbdmirror.raid.read;

import io.nbdmirror.io.Completion;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Extent;
import io.nbdmirror.io.ExtentsCompletion;
import io.nbdmirror.raid.event.InFlight;
import io.nbdmirror.raid.member.Member;
import io.nbdmirror.raid.member.Members;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What helps reads that are to come: where there is nothing to read, and having the members' caches
 * filled. Used on the array's loop.
 */
public final class ReadHints {
  private final Members members;
  private final ReadPath.Behind behind;
  private final InFlight inFlight;

  public ReadHints(Members members, ReadPath.Behind behind, InFlight inFlight) {
    this.members = members;
    this.behind = behind;
    this.inFlight = inFlight;
  }

  /**
   * Lists the holes of the member that resync copies from: what it has where members may differ is
   * what the array has (I4), and elsewhere all have the same. Needs no alignment; may stop once
   * there are {@code maxExtents}, and lists nothing where no member is in sync.
   */
  public void extents(long offsetBytes, long lengthBytes, int maxExtents, ExtentsCompletion done) {
    Member member = members.source();
    if (member == null || lengthBytes == 0) {
      done.completed(List.of(), null);
      return;
    }
    int block = members.blockBytes();
    long start = offsetBytes / block * block;
    long end = (offsetBytes + lengthBytes + block - 1) / block * block;
    if (behind.lacks(member, start, end, behind.lastNumber()) || behind.isLost(start, end)) {
      // It may be a hole only because the data is not there yet.
      done.completed(List.of(new Extent(offsetBytes, lengthBytes, false)), null);
      return;
    }
    inFlight.start();
    member.extents(
        start,
        end - start,
        maxExtents,
        (extents, failure) -> {
          done.completed(
              clip(extents, member.dataOffsetBytes(), offsetBytes, lengthBytes), failure);
          inFlight.end();
        });
  }

  private static List<Extent> clip(
      List<Extent> extents, long dataOffsetBytes, long offsetBytes, long lengthBytes) {
    List<Extent> clipped = new ArrayList<>(extents.size());
    for (Extent extent : extents) {
      long start = Math.max(extent.offsetBytes() - dataOffsetBytes, offsetBytes);
      long end = Math.min(extent.endBytes() - dataOffsetBytes, offsetBytes + lengthBytes);
      if (start < end) {
        clipped.add(new Extent(start, end - start, extent.hole()));
      }
    }
    return clipped;
  }

  /**
   * Has every member that reads may come from read ahead. A member that cannot is no worse off, so
   * none of their errors counts.
   */
  public void readAhead(long offsetBytes, long lengthBytes, Completion done) {
    new ReadAhead(done).start(offsetBytes, lengthBytes);
  }

  private final class ReadAhead implements Completion {
    private final Completion done;
    private int pending = 1;

    ReadAhead(Completion done) {
      this.done = done;
    }

    void start(long offsetBytes, long lengthBytes) {
      inFlight.start();
      Member first = members.source();
      for (Member member : members.all()) {
        if (first != null && member.isInSync() && member.isWriteMostly() == first.isWriteMostly()) {
          pending++;
          member.readAhead(offsetBytes, lengthBytes, this);
        }
      }
      completed(null);
    }

    @Override
    public void completed(@Nullable DeviceException failure) {
      if (--pending == 0) {
        done.completed(null);
        inFlight.end();
      }
    }
  }
}
