package io.nbdmirror.nbd.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.nbdmirror.bitmap.format.StoredBitmap;
import io.nbdmirror.nbd.array.BitmapDocument;
import io.nbdmirror.raid.superblock.BadBlockLog;
import io.nbdmirror.raid.superblock.MdSuperblock;
import io.nbdmirror.raid.superblock.MemberInspection;
import io.nbdmirror.raid.superblock.SuperblockCheck;
import io.nbdmirror.raid.superblock.SuperblockException;
import java.math.BigInteger;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import org.jspecify.annotations.Nullable;

/**
 * Members and bitmaps as JSON: md's own field names in camel case with md's own units, and below
 * them what follows from these fields.
 */
final class ExamineJson {
  static final ObjectMapper MAPPER = new ObjectMapper();

  private ExamineJson() {}

  static ObjectNode of(MemberInspection member) {
    MdSuperblock superblock = member.superblock();
    ObjectNode json = MAPPER.createObjectNode();
    json.put("path", member.path());
    array(json, superblock);
    reshape(json, superblock);
    device(json, superblock);
    derived(json, member);
    return json;
  }

  private static void array(ObjectNode json, MdSuperblock superblock) {
    json.put("magic", "%08x".formatted(superblock.magic()));
    json.put("majorVersion", superblock.majorVersion());
    json.put("featureMap", superblock.featureMap());
    json.put("setUuid", BitmapDocument.mdText(superblock.setUuid()));
    json.put("setName", superblock.setName());
    json.put("ctime", time(superblock.ctime()));
    json.put("level", superblock.level());
    json.put("layout", superblock.layout());
    json.put("size", unsigned(superblock.size()));
    json.put("chunksize", superblock.chunksize());
    json.put("raidDisks", superblock.raidDisks());
    json.put("bitmapOffset", superblock.bitmapOffset());
  }

  private static void reshape(ObjectNode json, MdSuperblock superblock) {
    json.put("newLevel", superblock.newLevel());
    json.put("reshapePosition", unsigned(superblock.reshapePosition()));
    json.put("deltaDisks", superblock.deltaDisks());
    json.put("newLayout", superblock.newLayout());
    json.put("newChunk", superblock.newChunk());
    json.put("newOffset", superblock.newOffset());
  }

  private static void device(ObjectNode json, MdSuperblock superblock) {
    json.put("dataOffset", unsigned(superblock.dataOffset()));
    json.put("dataSize", unsigned(superblock.dataSize()));
    json.put("superOffset", unsigned(superblock.superOffset()));
    json.put("recoveryOffset", unsigned(superblock.recoveryOffset()));
    json.put("devNumber", superblock.devNumber());
    json.put("cntCorrectedRead", superblock.cntCorrectedRead());
    json.put("deviceUuid", BitmapDocument.mdText(superblock.deviceUuid()));
    json.put("devflags", superblock.devflags());
    json.put("bblogShift", superblock.bblogShift());
    json.put("bblogSize", superblock.bblogSize());
    json.put("bblogOffset", superblock.bblogOffset());
    json.put("utime", time(superblock.utime()));
    json.put("events", unsigned(superblock.events()));
    json.put("resyncOffset", unsigned(superblock.resyncOffset()));
    json.put("sbCsum", "%08x".formatted(superblock.sbCsum()));
    json.put("maxDev", superblock.maxDev());
    ArrayNode roles = json.putArray("devRoles");
    if (MemberFacts.rolesReadable(superblock)) {
      int last = superblock.maxDev();
      while (last > 0 && superblock.role(last - 1) == MdSuperblock.ROLE_SPARE) {
        last--;
      }
      for (int number = 0; number < last; number++) {
        roles.add(superblock.role(number));
      }
    }
  }

  private static void derived(ObjectNode json, MemberInspection member) {
    MdSuperblock superblock = member.superblock();
    MemberFacts facts = MemberFacts.of(member);
    json.put("version", facts.version());
    json.put("deviceBytes", member.deviceBytes());
    json.put("state", facts.clean() ? "clean" : "active");
    json.put("deviceRole", facts.role());
    json.put("arrayState", facts.arrayState());
    json.put("unusedSectorsBefore", facts.unusedBefore());
    json.put("unusedSectorsAfter", facts.unusedAfter());
    json.put(
        "checksumCorrect",
        MemberFacts.rolesReadable(superblock)
            && superblock.computeChecksum() == superblock.sbCsum());
    ArrayNode badBlocks = json.putArray("badBlocks");
    for (BadBlockLog.Entry entry : member.badBlocks()) {
      badBlocks
          .addObject()
          .put("sector", entry.sector())
          .put("lengthSectors", entry.lengthSectors());
    }
    json.set("bitmap", member.bitmap() == null ? null : of(member.bitmap()));
    json.put("bitmapProblem", member.bitmapProblem());
    json.put("problem", problem(member));
  }

  private static @Nullable String problem(MemberInspection member) {
    SuperblockException problem =
        SuperblockCheck.problemOf(
            member.superblock(), member.path(), member.foundAtSector(), member.deviceBytes());
    return problem == null ? null : problem.getMessage();
  }

  static ObjectNode of(StoredBitmap bitmap) {
    return MAPPER.valueToTree(StoredBitmaps.document(bitmap));
  }

  private static BigInteger unsigned(long value) {
    return new BigInteger(Long.toUnsignedString(value));
  }

  private static String time(long packed) {
    return Instant.EPOCH.plus(MdSuperblock.unpackTime(packed), ChronoUnit.MICROS).toString();
  }
}
