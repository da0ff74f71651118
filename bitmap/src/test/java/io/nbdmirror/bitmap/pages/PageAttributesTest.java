package io.nbdmirror.bitmap.pages;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.bitmap.pages.PageAttributes.Attribute;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class PageAttributesTest {
  private final PageAttributes attributes = new PageAttributes(200);

  @ParameterizedTest
  @EnumSource
  void eachIsKeptApartFromTheOthers(Attribute one) {
    attributes.set(2, one);
    for (Attribute other : Attribute.values()) {
      assertThat(attributes.test(2, other)).isEqualTo(other == one);
      assertThat(attributes.any(other)).isEqualTo(other == one);
    }
    assertThat(attributes.test(1, one)).isFalse();
    assertThat(attributes.test(66, one)).isFalse();
    attributes.clear(2, one);
    assertThat(attributes.test(2, one)).isFalse();
    assertThat(attributes.any(one)).isFalse();
  }

  @Test
  void settingAndClearingTwiceIsAsOnce() {
    attributes.set(199, Attribute.DIRTY);
    attributes.set(199, Attribute.DIRTY);
    attributes.clear(199, Attribute.DIRTY);
    assertThat(attributes.any(Attribute.DIRTY)).isFalse();
    attributes.clear(199, Attribute.DIRTY);
    attributes.set(0, Attribute.DIRTY);
    assertThat(attributes.any(Attribute.DIRTY)).isTrue();
  }

  @Test
  void theNextPageIsFoundAcrossWords() {
    for (int page : new int[] {0, 63, 64, 199}) {
      attributes.set(page, Attribute.NEEDWRITE);
    }
    assertThat(attributes.next(0, Attribute.NEEDWRITE)).isZero();
    assertThat(attributes.next(1, Attribute.NEEDWRITE)).isEqualTo(63);
    assertThat(attributes.next(64, Attribute.NEEDWRITE)).isEqualTo(64);
    assertThat(attributes.next(65, Attribute.NEEDWRITE)).isEqualTo(199);
    assertThat(attributes.next(200, Attribute.NEEDWRITE)).isEqualTo(-1);
    assertThat(attributes.next(0, Attribute.DIRTY)).isEqualTo(-1);
  }
}
