"""Clients that misbehave. Usage: misbehave.py CASE HOST PORT

Each case must leave a well-behaved connection, open all the while, undisturbed: it writes and reads back after
every step. Exits with 0 when the server answered as it should.
"""
import socket
import struct
import sys

import nbd

MIB = 1 << 20
REQUEST = 0x25609513
READ, WRITE, DISC, FLUSH, TRIM = 0, 1, 2, 3, 4


def expect(condition, text):
    if not condition:
        sys.exit("expected " + text)


def connected():
    handle = nbd.NBD()
    handle.connect_tcp(HOST, PORT)
    return handle


def refused(errno, call, *arguments):
    """The call must fail with that errno, one of the names in module errno."""
    try:
        call(*arguments)
    except nbd.Error as error:
        expect(error.errno == errno, "%s, got %s: %s" % (errno, error.errno, error.string))
    else:
        sys.exit("expected %s from %s%s" % (errno, call.__name__, arguments[1:]))


class Raw:
    """A connection in transmission, made by hand."""

    def __init__(self, handshake=True):
        self.socket = socket.create_connection((HOST, int(PORT)), 10)
        self.socket.settimeout(20)
        if handshake:
            self.receive(18)
            self.send(struct.pack(">I", 3))
            self.send(struct.pack(">QIIIH", 0x49484156454F5054, 7, 6, 0, 0))
            while True:
                _, _, kind, length = struct.unpack(">QIII", self.receive(20))
                self.receive(length)
                if kind == 1:
                    return

    def send(self, data):
        self.socket.sendall(data)

    def receive(self, length):
        data = b""
        while len(data) < length:
            more = self.socket.recv(length - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def request(self, command, offset, length, cookie=1, flags=0, magic=REQUEST):
        self.send(struct.pack(">IHHQQI", magic, flags, command, cookie, offset, length))

    def reply(self):
        _, error, cookie = struct.unpack(">IIQ", self.receive(16))
        return error, cookie

    def is_closed(self):
        try:
            while self.socket.recv(65536):
                pass
            return True
        except ConnectionError:
            return True
        except TimeoutError:
            return False

    def is_closed_while_sending(self, data):
        try:
            self.send(data)
        except ConnectionError:
            return True
        return self.is_closed()

    def vanish(self):
        """Without a goodbye: a reset, as when the client's machine is gone."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


def requests_that_are_refused():
    handle = connected()
    handle.set_strict_mode(0)
    size = handle.get_size()
    refused("EINVAL", handle.pread, 4096, size)
    refused("EINVAL", handle.pread, 4096, size - 1)
    refused("EINVAL", handle.pread, 4096, (1 << 64) - 4096)
    refused("ENOSPC", handle.pwrite, b"x" * 4096, size)
    refused("ENOSPC", handle.pwrite, b"x" * 4096, size - 4095)
    refused("ENOSPC", handle.pwrite, b"x" * 4096, (1 << 63) - 4096)
    refused("ENOSPC", handle.zero, 4096, size)
    refused("EINVAL", handle.trim, 4096, size)
    refused("EINVAL", handle.pread, 4096, 0, 1 << 9)
    refused("EINVAL", handle.pwrite, b"x" * 4096, 0, 1 << 9)
    handle.pwrite(b"in step", 12345)
    expect(handle.pread(7, 12345) == b"in step", "the same connection to go on")
    handle.shutdown()


def lengths_beyond_the_limit():
    raw = Raw()
    raw.request(READ, 0, 0xFFFFFFFF)
    expect(raw.reply() == (22, 1), "EINVAL for a read of 4 GiB")
    raw.request(READ, 0, 512, 2)
    expect(raw.reply() == (0, 2), "the same connection to go on")
    raw.receive(512)
    raw.request(WRITE, 0, 0xFFFFFFFF)
    expect(raw.is_closed_while_sending(b"x" * MIB), "a write of 4 GiB to end the connection")


def an_unknown_command():
    raw = Raw()
    raw.request(4711, 0, 4096)
    expect(raw.reply() == (22, 1), "EINVAL for an unknown command")
    raw.request(FLUSH, 0, 0, 2)
    expect(raw.reply() == (0, 2), "the same connection to go on")


def a_bad_magic():
    raw = Raw()
    raw.request(READ, 0, 512, magic=0x25609514)
    expect(raw.is_closed(), "a bad magic to end the connection")


def garbage_instead_of_a_handshake():
    raw = Raw(handshake=False)
    raw.send(bytes(range(256)) * 4096)
    expect(raw.is_closed(), "garbage to end the connection")


def options_of_any_length():
    raw = Raw(handshake=False)
    raw.receive(18)
    raw.send(struct.pack(">I", 3))
    for _ in range(10):
        raw.send(struct.pack(">QII", 0x49484156454F5054, 0x4242, 3000) + b"x" * 3000)
        _, _, kind, length = struct.unpack(">QIII", raw.receive(20))
        raw.receive(length)
        expect(kind == 0x80000001, "ERR_UNSUP")
    raw.send(struct.pack(">QII", 0x49484156454F5054, 0x4242, 0xFFFFFFFF))
    raw.vanish()


def vanishing_in_the_middle():
    for sent in (0, 1, 100_000):
        raw = Raw()
        raw.request(WRITE, 64 * MIB, MIB)
        raw.send(b"x" * sent)
        raw.vanish()
    raw = Raw()
    raw.send(b"\x25\x60\x95")
    raw.vanish()
    for _ in range(50):
        raw = Raw()
        for cookie in range(16):
            raw.request(READ, 0, MIB, cookie)
        raw.vanish()


def idle_connections_in_number():
    idle = [Raw(handshake=i % 2 == 0) for i in range(50)]
    handle = connected()
    handle.pwrite(b"busy", 99)
    expect(handle.pread(4, 99) == b"busy", "a new client to be served")
    for raw in idle:
        raw.vanish()


CASE, HOST, PORT = sys.argv[1:]
good = connected()
good.pwrite(b"before" * 100, 32 * MIB)
globals()[CASE]()
expect(good.pread(600, 32 * MIB) == b"before" * 100, "the good connection to read")
good.pwrite(b"after." * 100, 32 * MIB)
good.flush()
expect(good.pread(600, 32 * MIB) == b"after." * 100, "the good connection to write")
good.shutdown()
