/** What modules may know and do, as rules that every module's tests apply to its classes. */
@NullMarked
package io.nbdmirror.io.architecture;

import org.jspecify.annotations.NullMarked;
