/** Tests of a single member's ways. */
@NullMarked
package io.nbdmirror.raid.member;

import org.jspecify.annotations.NullMarked;
