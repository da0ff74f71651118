package io.nbdmirror.nbd.protocol;

import io.netty.buffer.ByteBuf;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * The protocol's strings: UTF-8, at most {@link Wire#MAX_STRING_BYTES} bytes, no NUL. They are
 * never decoded lossily: two different names must not become one.
 */
public final class WireString {
  private WireString() {}

  /** The string in these bytes, or null where they are not one. Moves no index. */
  public static @Nullable String decode(ByteBuf bytes, int index, int lengthBytes) {
    if (lengthBytes < 0 || lengthBytes > Wire.MAX_STRING_BYTES) {
      return null;
    }
    try {
      String string =
          StandardCharsets.UTF_8
              .newDecoder()
              .onMalformedInput(CodingErrorAction.REPORT)
              .onUnmappableCharacter(CodingErrorAction.REPORT)
              .decode(bytes.nioBuffer(index, lengthBytes))
              .toString();
      return string.indexOf('\0') < 0 ? string : null;
    } catch (CharacterCodingException notUtf8) {
      return null;
    }
  }

  /** Whether {@code string} can be sent: no NUL, no lone surrogate, not too long. */
  public static boolean isValid(String string) {
    return string.indexOf('\0') < 0
        && StandardCharsets.UTF_8.newEncoder().canEncode(string)
        && encode(string).length <= Wire.MAX_STRING_BYTES;
  }

  /** The bytes of a {@linkplain #isValid valid} string. */
  public static byte[] encode(String string) {
    return string.getBytes(StandardCharsets.UTF_8);
  }
}
