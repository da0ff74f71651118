package io.nbdmirror.nbd.serve;

import io.nbdmirror.io.BlockDevice;
import io.nbdmirror.io.DeviceException;
import io.nbdmirror.io.Scheduler;
import io.nbdmirror.io.engine.IoEngine;
import io.nbdmirror.io.file.Access;
import io.nbdmirror.io.file.FileDevice;
import io.nbdmirror.nbd.serve.ArrayPlan.Identity;
import io.nbdmirror.raid.superblock.MdSuperblock;
import io.nbdmirror.raid.superblock.SuperblockException;
import io.nbdmirror.raid.superblock.SuperblockReader;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Opens the files that were named as members. Blocks, so it must not be called on a loop. */
final class MemberFiles {
  private static final Logger log = LoggerFactory.getLogger(MemberFiles.class);

  private final IoEngine engine;
  private final boolean direct;
  private final boolean readOnly;

  MemberFiles(IoEngine engine, boolean direct, boolean readOnly) {
    this.engine = engine;
    this.direct = direct;
    this.readOnly = readOnly;
  }

  /**
   * Finds out which array a file belongs to, whoever else uses it; writes nothing.
   *
   * @param loop does the reading
   * @throws StartException when it cannot be opened or is no member
   */
  Identity identify(String path, Scheduler loop) throws StartException, InterruptedException {
    FileDevice device = open(path, Access.READ_ONLY, loop);
    try {
      return identity(device, loop);
    } finally {
      loop.execute(device::close);
    }
  }

  /**
   * Opens an array's members for serving: for this process alone, unless nothing is to be written.
   *
   * @throws StartException when one cannot be had; the others are closed again
   */
  List<BlockDevice> open(ArrayPlan plan, Scheduler loop) throws StartException {
    List<BlockDevice> devices = new ArrayList<>();
    try {
      for (String path : plan.paths()) {
        devices.add(open(path, plan.name(), loop));
      }
      return devices;
    } catch (StartException e) {
      loop.execute(() -> devices.forEach(BlockDevice::close));
      throw e;
    }
  }

  /**
   * Opens one member of an array, as {@link #open(ArrayPlan, Scheduler)} opens all.
   *
   * @throws StartException when it cannot be had
   */
  BlockDevice open(String path, String array, Scheduler loop) throws StartException {
    log.info(
        "array {}: member {}, {}, {} engine",
        array,
        path,
        direct ? "direct" : "page-cached",
        engine.name());
    return open(path, readOnly ? Access.READ_ONLY : Access.EXCLUSIVE, loop);
  }

  private FileDevice open(String path, Access access, Scheduler loop) throws StartException {
    try {
      return FileDevice.open(path, access, direct, loop, engine);
    } catch (DeviceException e) {
      throw new StartException(e);
    }
  }

  private static Identity identity(FileDevice device, Scheduler loop)
      throws StartException, InterruptedException {
    try {
      MdSuperblock superblock = superblock(device, loop, true);
      return new Identity(
          device.path(), superblock.setName(), Optional.of(superblock.setUuid()), "");
    } catch (SuperblockException e) {
      String sentence = String.valueOf(e.getMessage());
      return switch (e.problem()) {
        case BAD_CHECKSUM -> new Identity(device.path(), "", statedUuid(device, loop), sentence);
        case UNREADABLE -> new Identity(device.path(), "", Optional.empty(), sentence);
        case ABSENT, UNSUPPORTED, CONTRADICTORY -> throw new StartException(e);
      };
    }
  }

  private static Optional<UUID> statedUuid(FileDevice device, Scheduler loop)
      throws InterruptedException {
    try {
      return Optional.of(superblock(device, loop, false).setUuid());
    } catch (SuperblockException _) {
      return Optional.empty();
    }
  }

  private static MdSuperblock superblock(FileDevice device, Scheduler loop, boolean check)
      throws SuperblockException, InterruptedException {
    CompletableFuture<MdSuperblock> answer = new CompletableFuture<>();
    SuperblockReader.Completion done =
        (superblock, failure) -> {
          if (superblock != null) {
            answer.complete(superblock);
          } else {
            answer.completeExceptionally(
                failure != null ? failure : new IllegalStateException("neither of the two"));
          }
        };
    loop.execute(() -> {
      if (check) {
        SuperblockReader.read(device, done);
      } else {
        SuperblockReader.readUnchecked(device, done);
      }
    });
    try {
      return answer.get();
    } catch (ExecutionException e) {
      if (e.getCause() instanceof SuperblockException failure) {
        throw failure;
      }
      throw new IllegalStateException("cannot read the superblock of " + device.path(), e);
    }
  }
}
