package io.nbdmirror.nbd.protocol;

/**
 * Every number and layout of the NBD protocol that is used here. All integers are big-endian and,
 * unless said otherwise, unsigned.
 *
 * <pre>
 * greeting, server to client (18 bytes)        client flags (4 bytes)
 *  0        8        16      18                 0       4
 *  +--------+--------+-------+                  +-------+
 *  |NBDMAGIC|IHAVEOPT| flags |                  | flags |
 *  +--------+--------+-------+                  +-------+
 *
 * option, client to server                     option reply, server to client
 *  0        8      12     16                    0           8      12    16     20
 *  +--------+------+------+---------+           +-----------+------+-----+------+---------+
 *  |IHAVEOPT|option|length| data... |           |reply magic|option|type |length| data... |
 *  +--------+------+------+---------+           +-----------+------+-----+------+---------+
 *
 * data of INFO and GO                          data of a SERVER reply
 *  0       4                                    0       4
 *  +-------+-------+-----+-----------+          +-------+-------+----------------+
 *  |namelen|name...| n16 | n types16 |          |namelen|name...| description... |
 *  +-------+-------+-----+-----------+          +-------+-------+----------------+
 *
 * data of INFO replies (type16 first)
 *  EXPORT       +----+---------+-------+        BLOCK_SIZE  +----+-------+---------+-------+
 *  (12 bytes)   | 0  | size64  |flags16|        (14 bytes)  | 3  | min32 | pref32  | max32 |
 *               +----+---------+-------+                    +----+-------+---------+-------+
 *  NAME, DESCRIPTION: type16, then the text to the end
 *
 * answer to EXPORT_NAME (134 bytes, or 10 under C_NO_ZEROES)
 *  0      8       10          134
 *  +------+-------+-----------+
 *  |size64|flags16| 124 zeroes|
 *  +------+-------+-----------+
 *
 * request (28 bytes, then the payload of a WRITE)
 *  0       4       6      8       16      24     28
 *  +-------+-------+------+-------+-------+------+------------+
 *  | magic | flags | type | cookie|offset |length| payload... |
 *  +-------+-------+------+-------+-------+------+------------+
 *
 * extended request (32 bytes, then a payload if the flags say so)
 *  0       4       6      8       16      24       32
 *  +-------+-------+------+-------+-------+--------+------------+
 *  | magic | flags | type | cookie|offset |length64| payload... |
 *  +-------+-------+------+-------+-------+--------+------------+
 *
 * simple reply (16 bytes, then the data of a READ that succeeded)
 *  0       4       8       16
 *  +-------+-------+-------+---------+
 *  | magic | error | cookie| data... |
 *  +-------+-------+-------+---------+
 *
 * chunk of a structured reply (20 bytes)          of an extended reply (32 bytes)
 *  0       4     6      8      16     20           0       4     6      8      16     24       32
 *  +-------+-----+------+------+------+------+     +-------+-----+------+------+------+--------+------+
 *  | magic |flags| type |cookie|length|data..|     | magic |flags| type |cookie|offset|length64|data..|
 *  +-------+-----+------+------+------+------+     +-------+-----+------+------+------+--------+------+
 *
 * data of chunks
 *  OFFSET_DATA       offset64, bytes...            OFFSET_HOLE       offset64, length32
 *  BLOCK_STATUS      context32, n x (length32, flags32)
 *  BLOCK_STATUS_EXT  context32, n32, n x (length64, flags64)
 *  ERROR             error32, n16, sentence of n bytes
 *
 * data of LIST_META_CONTEXT and SET_META_CONTEXT          data of a META_CONTEXT reply
 *  0       4                                               0    4
 *  +-------+-------+-----+--------------------------+      +----+---------+
 *  |namelen|name...| n32 | n x (length32, query...) |      | id | name... |
 *  +-------+-------+-----+--------------------------+      +----+---------+
 *
 * payload of BLOCK_STATUS: length64 of the range, n x context32
 * </pre>
 */
public final class Wire {
  /** "NBDMAGIC". */
  public static final long GREETING_MAGIC = 0x4e42444d41474943L;

  /** "IHAVEOPT": ends the greeting, and starts every option. */
  public static final long OPTION_MAGIC = 0x49484156454f5054L;

  public static final long OPTION_REPLY_MAGIC = 0x0003e889045565a9L;
  public static final int REQUEST_MAGIC = 0x25609513;
  public static final int EXTENDED_REQUEST_MAGIC = 0x21e41c71;
  public static final int SIMPLE_REPLY_MAGIC = 0x67446698;
  public static final int STRUCTURED_REPLY_MAGIC = 0x668e33ef;
  public static final int EXTENDED_REPLY_MAGIC = 0x6e8a278c;

  public static final int GREETING_BYTES = 18;
  public static final int CLIENT_FLAGS_BYTES = 4;
  public static final int OPTION_HEADER_BYTES = 16;
  public static final int OPTION_REPLY_HEADER_BYTES = 20;
  public static final int EXPORT_NAME_PADDING_BYTES = 124;
  public static final int REQUEST_BYTES = 28;
  public static final int EXTENDED_REQUEST_BYTES = 32;
  public static final int SIMPLE_REPLY_BYTES = 16;
  public static final int STRUCTURED_REPLY_BYTES = 20;
  public static final int EXTENDED_REPLY_BYTES = 32;

  /** The longest string the protocol allows. */
  public static final int MAX_STRING_BYTES = 4096;

  // Offsets in a request.
  public static final int REQUEST_FLAGS = 4;
  public static final int REQUEST_TYPE = 6;
  public static final int REQUEST_COOKIE = 8;
  public static final int REQUEST_OFFSET = 16;
  public static final int REQUEST_LENGTH = 24;

  // Handshake flags; the client's have the same values as the server's.
  public static final int FLAG_FIXED_NEWSTYLE = 1;
  public static final int FLAG_NO_ZEROES = 1 << 1;

  // Options.
  public static final int OPT_EXPORT_NAME = 1;
  public static final int OPT_ABORT = 2;
  public static final int OPT_LIST = 3;
  public static final int OPT_STARTTLS = 5;
  public static final int OPT_INFO = 6;
  public static final int OPT_GO = 7;
  public static final int OPT_STRUCTURED_REPLY = 8;
  public static final int OPT_LIST_META_CONTEXT = 9;
  public static final int OPT_SET_META_CONTEXT = 10;
  public static final int OPT_EXTENDED_HEADERS = 11;

  // Option reply types; those with bit 31 are errors.
  public static final int REP_ACK = 1;
  public static final int REP_SERVER = 2;
  public static final int REP_INFO = 3;
  public static final int REP_META_CONTEXT = 4;
  public static final int REP_ERR_UNSUP = 0x8000_0001;
  public static final int REP_ERR_POLICY = 0x8000_0002;
  public static final int REP_ERR_INVALID = 0x8000_0003;
  public static final int REP_ERR_TLS_REQD = 0x8000_0005;
  public static final int REP_ERR_UNKNOWN = 0x8000_0006;
  public static final int REP_ERR_SHUTDOWN = 0x8000_0007;
  public static final int REP_ERR_TOO_BIG = 0x8000_0009;
  public static final int REP_ERR_EXT_HEADER_REQD = 0x8000_000a;

  // Types of information in INFO replies.
  public static final int INFO_EXPORT = 0;
  public static final int INFO_NAME = 1;
  public static final int INFO_DESCRIPTION = 2;
  public static final int INFO_BLOCK_SIZE = 3;

  // Transmission flags.
  public static final int HAS_FLAGS = 1;
  public static final int READ_ONLY = 1 << 1;
  public static final int SEND_FLUSH = 1 << 2;
  public static final int SEND_FUA = 1 << 3;
  public static final int SEND_TRIM = 1 << 5;
  public static final int SEND_WRITE_ZEROES = 1 << 6;
  public static final int SEND_DF = 1 << 7;
  public static final int CAN_MULTI_CONN = 1 << 8;
  public static final int SEND_CACHE = 1 << 10;
  public static final int SEND_FAST_ZERO = 1 << 11;
  public static final int BLOCK_STATUS_PAYLOAD = 1 << 12;

  // Request types.
  public static final int CMD_READ = 0;
  public static final int CMD_WRITE = 1;
  public static final int CMD_DISC = 2;
  public static final int CMD_FLUSH = 3;
  public static final int CMD_TRIM = 4;
  public static final int CMD_CACHE = 5;
  public static final int CMD_WRITE_ZEROES = 6;
  public static final int CMD_BLOCK_STATUS = 7;

  // Request flags.
  public static final int CMD_FLAG_FUA = 1;
  public static final int CMD_FLAG_NO_HOLE = 1 << 1;
  public static final int CMD_FLAG_DF = 1 << 2;
  public static final int CMD_FLAG_REQ_ONE = 1 << 3;
  public static final int CMD_FLAG_FAST_ZERO = 1 << 4;
  public static final int CMD_FLAG_PAYLOAD_LEN = 1 << 5;

  // Flags and types of chunks; types with bit 15 are errors.
  public static final int REPLY_FLAG_DONE = 1;
  public static final int REPLY_NONE = 0;
  public static final int REPLY_OFFSET_DATA = 1;
  public static final int REPLY_OFFSET_HOLE = 2;
  public static final int REPLY_BLOCK_STATUS = 5;
  public static final int REPLY_BLOCK_STATUS_EXT = 6;
  public static final int REPLY_ERROR = 0x8001;

  // Flags of extents, by context.
  public static final int STATE_HOLE = 1;
  public static final int STATE_ZERO = 1 << 1;
  public static final int STATE_DIRTY = 1;

  private Wire() {}
}
