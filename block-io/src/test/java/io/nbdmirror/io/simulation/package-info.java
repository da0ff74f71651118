/** Virtual time and one seeded disk that fails, tears and forgets: what the engine is tested on. */
@NullMarked
package io.nbdmirror.io.simulation;

import org.jspecify.annotations.NullMarked;
