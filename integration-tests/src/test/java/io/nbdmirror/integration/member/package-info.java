/** Members and their bytes, read without the project's own codecs. */
@NullMarked
package io.nbdmirror.integration.member;

import org.jspecify.annotations.NullMarked;
