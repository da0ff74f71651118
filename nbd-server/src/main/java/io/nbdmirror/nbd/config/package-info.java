/** Configuration files: what stands in them, and where. */
@NullMarked
package io.nbdmirror.nbd.config;

import org.jspecify.annotations.NullMarked;
