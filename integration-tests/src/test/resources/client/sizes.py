"""Requests of every size from 1 byte to 64 MiB, none of them aligned: sizes.py URI"""

import random
import sys

import nbd

SIZES = (1, 2, 3, 511, 512, 513, 4095, 4096, 4097, 65535, 65537, 262143, 1048577, 33554432, 33554433, 67108864)


def main():
    handle = nbd.NBD()
    handle.connect_uri(sys.argv[1])
    # Beyond what the server says it likes, but not beyond what it takes.
    handle.set_strict_mode(0)
    dice = random.Random(3)
    for size in SIZES:
        for flags in (0, nbd.CMD_FLAG_FUA) if size < 1 << 20 else (0,):
            offset = dice.randrange(0, 50) * 2 + 1
            data = dice.randbytes(size)
            handle.pwrite(data, offset, flags=flags)
            assert handle.pread(size, offset) == data, size
            assert handle.pread(size, offset, flags=nbd.CMD_FLAG_DF) == data, size
        handle.zero(size, offset)
        assert handle.pread(size, offset) == bytes(size), size
        handle.cache(size, offset)
        handle.trim(size, offset)
    for length in (67108865, 0xFFFFFFFF):
        try:
            handle.pread_structured(length, 0, lambda *_: 0)
            raise AssertionError("%d bytes were read at once" % length)
        except (nbd.Error, MemoryError, ValueError):
            pass
    assert len(handle.pread(512, 0)) == 512
    handle.shutdown()


main()
