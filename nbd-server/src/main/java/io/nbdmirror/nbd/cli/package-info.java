/** The command line: one class a command, and how all of them report and fail. */
@NullMarked
package io.nbdmirror.nbd.cli;

import org.jspecify.annotations.NullMarked;
