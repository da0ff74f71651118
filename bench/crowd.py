"""The clients of bench/crowd: crowd.py PORT SERVER-PID SECONDS."""
import os
import socket
import struct
import sys
import threading
import time

PORT, PID, SECONDS = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
READ, WRITE = 0, 1
BLOCK = 4096


def take(s, n):
    data = b""
    while len(data) < n:
        piece = s.recv(n - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data


def connect(attach=True):
    s = socket.create_connection(("127.0.0.1", PORT))
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    take(s, 18)
    s.sendall(struct.pack(">I", 3))
    if attach:
        s.sendall(b"IHAVEOPT" + struct.pack(">IIIH", 7, 6, 0, 0))
        while True:
            _, _, kind, length = struct.unpack(">QIII", take(s, 20))
            take(s, length)
            if kind == 1:
                break
            assert kind < 1 << 31, hex(kind)
    return s


def request(kind, cookie, offset, length):
    return struct.pack(">IHHQQI", 0x25609513, 0, kind, cookie, offset, length)


def memory_mib():
    with open(f"/proc/{PID}/status") as status:
        for line in status:
            if line.startswith("VmRSS"):
                return int(line.split()[1]) // 1024


def measure(name):
    client = connect()
    payload = os.urandom(BLOCK)
    taken = []
    end = time.monotonic() + SECONDS
    n = 0
    while time.monotonic() < end:
        offset = 128 * 2**20 + n % 1000 * BLOCK
        begun = time.perf_counter()
        if n % 2:
            client.sendall(request(READ, n, offset, BLOCK))
            assert take(client, 16 + BLOCK)[4:8] == b"\0" * 4
        else:
            client.sendall(request(WRITE, n, offset, BLOCK) + payload)
            assert take(client, 16)[4:8] == b"\0" * 4
        taken.append(time.perf_counter() - begun)
        n += 1
    client.close()
    taken.sort()
    at = lambda share: taken[min(len(taken) - 1, int(len(taken) * share))] * 1e6
    print(f"{name:38} {len(taken) / SECONDS:9.0f} {at(0.5):9.0f} {at(0.99):9.0f} {at(1):9.0f} {memory_mib():9}", flush=True)


def never_reads():
    s = connect()

    def ask():
        try:
            while True:
                s.sendall(b"".join(request(READ, i, i * 2**20, 2**20) for i in range(64)))
        except OSError:
            pass

    threading.Thread(target=ask, daemon=True).start()
    return s


def floods():
    s = connect()
    burst = b"".join(request(WRITE, i, i * 65536, 65536) + bytes(65536) for i in range(64))

    def ask():
        try:
            while True:
                s.sendall(burst)
        except OSError:
            pass

    def drop():
        try:
            while s.recv(1 << 16):
                pass
        except OSError:
            pass

    threading.Thread(target=ask, daemon=True).start()
    threading.Thread(target=drop, daemon=True).start()
    return s


print(f"{'4 KiB, one at a time':38} {'a second':>9} {'median µs':>9} {'p99 µs':>9} {'max µs':>9} {'RSS MiB':>9}")
measure("(warming up)")
measure("alone")
deaf = never_reads()
measure("beside one that never reads")
deaf.close()
flood = floods()
measure("beside one that floods 64 KiB writes")
flood.close()
idle = [connect(attach=i % 2 == 0) for i in range(1000)]
measure("beside a thousand that idle")
