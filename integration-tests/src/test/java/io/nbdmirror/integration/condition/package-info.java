/** What a test needs of the machine it runs on. */
@NullMarked
package io.nbdmirror.integration.condition;

import org.jspecify.annotations.NullMarked;
