/** Micro benchmarks of the hot paths, run by the scripts beside this module. */
@NullMarked
package io.nbdmirror.bench;

import org.jspecify.annotations.NullMarked;
