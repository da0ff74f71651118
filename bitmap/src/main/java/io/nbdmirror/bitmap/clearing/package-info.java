/** Taking bits away again, lazily and only once what they stood for is durable everywhere. */
@NullMarked
package io.nbdmirror.bitmap.clearing;

import org.jspecify.annotations.NullMarked;
