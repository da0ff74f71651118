"""Many requests in flight on several connections, and a copy in memory of what must be there.

  shadow.py URI SECONDS SEED [bursts]

Every connection works on a part of its own. Among its requests in flight none overlap, so that the
copy says at any time what a read must give. In bursts, nothing is asked for in between, so that the
server comes to rest now and then.
"""

import random
import select
import sys
import time

import nbd

CONNECTIONS = 8
IN_FLIGHT = 64
MAX_BYTES = 256 << 10
TRIM_BLOCK = 4096


class Part:
    """One connection, and the part of the export that it works on."""

    def __init__(self, uri, index, size, seed):
        self.handle = nbd.NBD()
        self.handle.add_meta_context("base:allocation")
        self.handle.connect_uri(uri)
        assert self.handle.get_structured_replies_negotiated()
        assert self.handle.can_multi_conn()
        self.start = size * index // CONNECTIONS
        self.end = size * (index + 1) // CONNECTIONS
        self.shadow = bytearray(self.end - self.start)
        self.random = random.Random(seed * 1000 + index)
        self.busy = []
        self.done = 0

    def is_free(self, start, end):
        return all(end <= begun or ended <= start for begun, ended in self.busy)

    def length(self):
        bits = self.random.randrange(0, MAX_BYTES.bit_length())
        return min(MAX_BYTES, self.random.randrange(1, (1 << bits) + 1))

    def submit(self):
        kind = self.random.choice(("read", "read", "write", "write", "write", "zero", "trim", "status", "cache", "flush"))
        length = self.length()
        start = self.random.randrange(self.start, self.end - length + 1)
        if kind == "trim":
            start += -start % TRIM_BLOCK
            length = max(TRIM_BLOCK, length - length % TRIM_BLOCK)
        if start + length > self.end or not self.is_free(start, start + length):
            return False
        busy = (start, start + length)
        self.busy.append(busy)
        at = start - self.start

        def completed(error):
            assert error.value == 0, (kind, start, length, error.value)
            self.busy.remove(busy)
            self.done += 1
            return 1

        if kind == "read":
            self.read(start, length, self.shadow[at : at + length], completed)
        elif kind == "write":
            data = self.random.randbytes(length)
            self.shadow[at : at + length] = data
            flags = nbd.CMD_FLAG_FUA if self.random.randrange(50) == 0 else 0
            buffer = nbd.Buffer.from_bytearray(bytearray(data))
            self.handle.aio_pwrite(buffer, start, completion=completed, flags=flags)
        elif kind == "zero":
            self.shadow[at : at + length] = bytes(length)
            flags = self.random.choice((0, nbd.CMD_FLAG_NO_HOLE, nbd.CMD_FLAG_FAST_ZERO))
            self.handle.aio_zero(length, start, completion=completed, flags=flags)
        elif kind == "trim":
            self.shadow[at : at + length] = bytes(length)
            self.handle.aio_trim(length, start, completion=completed)
        elif kind == "status":
            self.status(start, length, completed)
        elif kind == "cache":
            self.handle.aio_cache(length, start, completion=completed)
        else:
            self.handle.aio_flush(completion=completed)
        return True

    def read(self, start, length, expected, completed):
        # What the server does not bring must not look as if it had.
        buffer = nbd.Buffer.from_bytearray(bytearray(b"\xa5") * length)

        def compared(error):
            result = completed(error)
            assert buffer.to_bytearray() == expected, (start, length)
            return result

        self.handle.aio_pread(buffer, start, completion=compared)

    def status(self, start, length, completed):
        shadow = self.shadow

        def extents(context, offset, entries, error):
            assert context == "base:allocation" and offset == start
            at = offset - self.start
            for extent, flags in zip(entries[::2], entries[1::2]):
                if flags & nbd.STATE_ZERO:
                    zero = shadow[at : min(at + extent, start - self.start + length)]
                    assert not any(zero), (start, at, extent)
                at += extent
            return 0

        self.handle.aio_block_status(length, start, extents, completion=completed)

    def poll_events(self):
        direction = self.handle.aio_get_direction()
        events = select.POLLIN if direction & nbd.AIO_DIRECTION_READ else 0
        return events | (select.POLLOUT if direction & nbd.AIO_DIRECTION_WRITE else 0)

    def notify(self, revents):
        direction = self.handle.aio_get_direction()
        if revents & (select.POLLIN | select.POLLHUP) and direction & nbd.AIO_DIRECTION_READ:
            self.handle.aio_notify_read()
        elif revents & select.POLLOUT and direction & nbd.AIO_DIRECTION_WRITE:
            self.handle.aio_notify_write()


def run(parts, until):
    """Keeps requests in flight until then, and waits for the last."""
    by_fd = {part.handle.aio_get_fd(): part for part in parts}
    while time.monotonic() < until or any(part.handle.aio_in_flight() for part in parts):
        poll = select.poll()
        for fd, part in by_fd.items():
            tries = 0
            while time.monotonic() < until and part.handle.aio_in_flight() < IN_FLIGHT and tries < 20:
                tries += 0 if part.submit() else 1
            poll.register(fd, part.poll_events())
        for fd, revents in poll.poll(1000):
            by_fd[fd].notify(revents)


def compare(parts):
    """All of it, each part through a connection that did not write it."""
    for index, part in enumerate(parts):
        other = parts[(index + 1) % len(parts)].handle
        for start in range(part.start, part.end, 1 << 20):
            length = min(1 << 20, part.end - start)
            at = start - part.start
            assert other.pread(length, start) == part.shadow[at : at + length], start


def main():
    uri, seconds, seed = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
    probe = nbd.NBD()
    probe.connect_uri(uri)
    size = probe.get_size()
    probe.shutdown()
    parts = [Part(uri, index, size, seed) for index in range(CONNECTIONS)]
    until = time.monotonic() + seconds
    if sys.argv[4:] == ["bursts"]:
        rest = random.Random(seed)
        while time.monotonic() < until:
            run(parts, min(until, time.monotonic() + rest.uniform(0, 0.5)))
            time.sleep(rest.uniform(0, 0.5))
    else:
        run(parts, until)
    parts[0].handle.flush()
    compare(parts)
    for part in parts:
        part.handle.shutdown()
    print("requests:", sum(part.done for part in parts))


main()
