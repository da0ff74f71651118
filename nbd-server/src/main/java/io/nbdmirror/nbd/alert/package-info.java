/** What happens to arrays, told to people: by the log, by counters, by a program of theirs. */
@NullMarked
package io.nbdmirror.nbd.alert;

import org.jspecify.annotations.NullMarked;
