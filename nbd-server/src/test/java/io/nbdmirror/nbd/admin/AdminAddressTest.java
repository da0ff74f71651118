package io.nbdmirror.nbd.admin;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class AdminAddressTest {
  @ParameterizedTest
  @CsvSource({
    "127.0.0.1:9809, 127.0.0.1:9809,        admin-127.0.0.1_9809.token",
    "localhost:1,    127.0.0.1:1,           admin-127.0.0.1_1.token",
    "[::1]:0,        [0:0:0:0:0:0:0:1]:0,   admin-[0_0_0_0_0_0_0_1]_0.token",
    "unix:/a/b/../c, unix:/a/c,             admin-unix-cedd7c00-e3b2-3d55-9b38-f13c8cd2e791.token",
  })
  void isReadAsPeopleWriteItAndNamesItsTokenFile(String text, String canonical, String file) {
    AdminAddress address = AdminAddress.parse(text);
    assertThat(address).hasToString(canonical);
    assertThat(address.tokenFileName()).isEqualTo(file);
    assertThat(AdminAddress.parse(canonical)).isEqualTo(address);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "9809             | '9809' is no admin address; say HOST:PORT, [IPV6]:PORT or unix:PATH",
        "::1:9809         | '::1:9809' is no admin address; say HOST:PORT, [IPV6]:PORT or unix:PATH",
        "localhost:x      | 'localhost:x' ends in no port number",
        "localhost:65536  | 'localhost:65536' ends in no port from 0 to 65535",
        "localhost:-1     | 'localhost:-1' ends in no port from 0 to 65535",
        "unix:            | 'unix:' names no socket; say unix:PATH",
        "no.such.invalid:1 | the host 'no.such.invalid' is not known",
        "0.0.0.0:9809     | the admin API is not encrypted and so stays on this host: 0.0.0.0:9809 is not a loopback address; use 127.0.0.1 or unix:PATH and a tunnel",
        "192.0.2.1:9809   | the admin API is not encrypted and so stays on this host: 192.0.2.1:9809 is not a loopback address; use 127.0.0.1 or unix:PATH and a tunnel",
      })
  void whatIsNoneIsRefusedWithASentence(String text, String sentence) {
    assertThatThrownBy(() -> AdminAddress.parse(text.strip()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(sentence);
  }
}
