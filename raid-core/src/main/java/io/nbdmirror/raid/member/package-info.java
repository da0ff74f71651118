/** The members of a running array: what each is, and how requests reach it. */
@NullMarked
package io.nbdmirror.raid.member;

import org.jspecify.annotations.NullMarked;
