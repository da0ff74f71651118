package io.nbdmirror.nbd.admin;

import static org.assertj.core.api.Assertions.assertThat;

import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Errno;
import io.nbdmirror.nbd.array.FakeArray;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ChangeRoutesTest {
  /** The member that the stand-in array has. */
  private static final String MEMBER = "/m/\\\"0\\\"";

  private final FakeArray home = new FakeArray("home");
  private RunningAdmin admin;

  @BeforeEach
  void start() throws IOException {
    admin = new RunningAdmin(new FakeControl(home.served()));
  }

  @AfterEach
  void close() {
    admin.close();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '^',
      value = {
        "members/fail    | {\"member\":\"@\"}                          | fail @               | @ is faulty",
        "members/remove  | {\"member\":\"@\"}                          | remove @             | @ is removed",
        "members/set     | {\"member\":\"@\",\"writeMostly\":true}     | write-mostly @ true  | @ is write-mostly",
        "members/set     | {\"member\":\"@\",\"writeMostly\":false}    | write-mostly @ false | @ is read like the others",
        "members/add     | {\"member\":\"/n\"}                         | ^^                   | add /n false",
        "members/add     | {\"member\":\"/n\",\"force\":true}          | ^^                   | add /n true",
        "members/re-add  | {\"member\":\"/n\"}                         | ^^                   | re-add /n",
        "members/replace | {\"member\":\"@\",\"by\":\"/n\"}            | ^^                   | replace @ by /n false",
        "check           | {}                                          | check                | members are being compared",
        "repair          | {}                                          | repair null          | members are being made the same",
        "repair          | ^^                                          | repair null          | members are being made the same",
        "repair          | {\"from\":\"@\"}                            | repair @             | members are being made the same as @",
        "idle            | {}                                          | idle                 | nothing is compared any more",
        "speed           | {\"minBytesPerSecond\":1,\"maxBytesPerSecond\":2} | speed 1 2        | 1 to 2 bytes a second",
        "grow            | {\"raidDevices\":3}                         | slots 3              | 3 members make it complete",
        "grow            | {\"sizeBytes\":0}                           | grow 0 false         | its size is 67108864 bytes, in bitmap chunks of 65536",
      })
  void aChangeIsMadeAndSaid(String route, String body, String asked, String done)
      throws IOException {
    RunningAdmin.Answer answer = post(route, body.replace("@", MEMBER));
    assertThat(answer.body())
        .isEqualTo("{\"array\":\"home\",\"done\":\"%s\"}".formatted(done.replace("@", MEMBER)));
    assertThat(answer.status()).isEqualTo(200);
    assertThat(String.join(",", home.asked())).isEqualTo(asked.replace("@", "/m/\"0\""));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '^',
      value = {
        "members/fail    | {}                            | 400 | member is the absolute path of a file or block device",
        "members/fail    | {\"member\":\"m0\"}           | 400 | member is the absolute path of a file or block device",
        "members/fail    | ^^                            | 400 | the body of POST /api/v1/arrays/home/members/fail is not the JSON that belongs there",
        "members/fail    | {\"member\":\"/x\"}           | 404 | /x is no member of array home",
        "members/remove  | {\"member\":\"/x\"}           | 404 | /x is no member of array home",
        "members/set     | {\"member\":\"/x\",\"writeMostly\":true} | 404 | /x is no member of array home",
        "members/set     | {\"member\":\"@\"}            | 400 | writeMostly is true or false",
        "members/replace | {\"member\":\"/x\",\"by\":\"/y\"} | 404 | /x is no member of array home",
        "members/replace | {\"member\":\"@\"}            | 400 | by is the absolute path of a file or block device",
        "members/add     | {\"member\":\"/in/use\"}      | 409 | /in/use is in use",
        "check           | {\"x\":1}                   | 400 | POST /api/v1/arrays/home/check takes no body; send none, or {}",
        "repair          | {\"from\":\"/x\"}             | 404 | /x is no member of array home",
        "speed           | {\"minBytesPerSecond\":3,\"maxBytesPerSecond\":2} | 400 | minBytesPerSecond is 0 or more, and maxBytesPerSecond above 0 and no less",
        "grow            | {}                            | 400 | raidDevices is how many members the complete array has, or sizeBytes its size",
      })
  void aRefusalHasItsStatusAndIsOneSentence(String route, String body, int status, String sentence)
      throws IOException {
    RunningAdmin.Answer answer = post(route, body.replace("@", MEMBER));
    assertThat(AdminJson.read(answer.body().getBytes(StandardCharsets.UTF_8), AdminError.class))
        .isEqualTo(new AdminError(status, sentence));
    assertThat(answer.status()).isEqualTo(status);
    assertThat(home.asked()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({"16, 409", "5, 500"})
  void whatTheArrayRefusesIsAConflictAndWhatFailsIsNot(int errno, int status) throws IOException {
    home.refusing(new DeviceException(errno, "it is the only member in sync"));
    RunningAdmin.Answer answer = post("members/fail", "{\"member\":\"%s\"}".formatted(MEMBER));
    assertThat(answer.status()).isEqualTo(status);
    assertThat(answer.body()).contains("\"error\":\"it is the only member in sync\"");
    assertThat(Errno.EBUSY).isEqualTo(16);
  }

  @ParameterizedTest
  @ValueSource(strings = {"members/fail", "members/add", "members/set", "grow"})
  void aChangeTakesTheToken(String route) throws IOException {
    assertThat(
            admin
                .askWithBody(
                    "POST", "/api/v1/arrays/home/" + route, "{\"member\":\"%s\"}".formatted(MEMBER))
                .status())
        .isEqualTo(401);
    assertThat(home.asked()).isEmpty();
  }

  @Test
  void theReferencePageHasEveryRoute() throws IOException {
    String page = Files.readString(Path.of("..", "docs", "admin-api-and-metrics.md"));
    for (String route : new String[] {"fail", "remove", "add", "re-add", "replace", "set"}) {
      assertThat(page).contains("`POST /api/v1/arrays/NAME/members/" + route + "`");
    }
    for (String route : new String[] {"grow", "check", "repair", "idle", "speed"}) {
      assertThat(page).contains("`POST /api/v1/arrays/NAME/" + route + "`");
    }
  }

  private RunningAdmin.Answer post(String route, String body) throws IOException {
    return admin.askWithBody("POST", "/api/v1/arrays/home/" + route, body, admin.bearer());
  }
}
