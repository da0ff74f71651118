package io.nbdmirror.nbd.serve;

import io.nbdmirror.io.engine.IoEngine;
import io.nbdmirror.io.held.Writing;
import io.nbdmirror.nbd.admin.AdminAddress;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What to serve, how and where.
 *
 * @param members of one array or several
 * @param arrays those that are told of one by one; they may have members of their own
 * @param usual how all others are served
 * @param bitmapFiles paths of files that hold arrays' bitmaps
 * @param bitmapWriting how those are written
 * @param readOnly write nothing to any member
 * @param direct go past the page cache
 * @param engine does the members' input and output
 * @param eventProgram is run for every event, by its absolute path; null when none is
 * @param nbd how clients get at the arrays
 * @param admin where status, metrics and stop are asked for
 */
public record ServeOptions(
    List<MemberPath> members,
    List<ArrayChoice> arrays,
    ArrayOptions usual,
    List<String> bitmapFiles,
    Writing bitmapWriting,
    boolean readOnly,
    boolean direct,
    IoEngine engine,
    @Nullable Path eventProgram,
    NbdOptions nbd,
    AdminAddress admin) {
  public ServeOptions {
    members = List.copyOf(members);
    arrays = List.copyOf(arrays);
    bitmapFiles = List.copyOf(bitmapFiles);
  }
}
