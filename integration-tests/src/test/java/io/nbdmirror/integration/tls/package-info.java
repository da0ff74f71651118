/** Other people's clients under TLS. */
@NullMarked
package io.nbdmirror.integration.tls;

import org.jspecify.annotations.NullMarked;
