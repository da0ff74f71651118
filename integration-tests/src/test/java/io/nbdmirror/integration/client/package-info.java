/** Other people's NBD clients against a served mirror, well behaved and not. */
@NullMarked
package io.nbdmirror.integration.client;

import org.jspecify.annotations.NullMarked;
