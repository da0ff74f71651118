/** What the server counts and measures, as Prometheus reads it. */
@NullMarked
package io.nbdmirror.nbd.metrics;

import org.jspecify.annotations.NullMarked;
