/** Block devices that are files: opening them, and making sure nobody else uses them. */
@NullMarked
package io.nbdmirror.io.file;

import org.jspecify.annotations.NullMarked;
