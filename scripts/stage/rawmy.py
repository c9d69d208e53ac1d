"""A MySQL client that only counts: logs in (caching_sha2_password or mysql_native_password), sends one query, reads to its end."""

import hashlib
import socket
import struct
import time

from rawpg import read_exactly

# LONG_PASSWORD, LONG_FLAG, CONNECT_WITH_DB, PROTOCOL_41, TRANSACTIONS, SECURE_CONNECTION, PLUGIN_AUTH; no DEPRECATE_EOF, so that
# every result ends with nine bytes that are known.
CAPABILITIES = 0x1 | 0x4 | 0x8 | 0x200 | 0x2000 | 0x8000 | 0x80000
UTF8MB4 = 45


def _read_packet(peer):
    head = read_exactly(peer, 4)
    return read_exactly(peer, int.from_bytes(head[:3], "little")), head[3]


def _proof(plugin, password, nonce):
    """What a plugin wants to see instead of the password."""
    sha = hashlib.sha1 if plugin == b"mysql_native_password" else hashlib.sha256
    once = sha(password.encode()).digest()
    twice = sha(once).digest()
    mixed = sha(nonce + twice).digest() if plugin == b"mysql_native_password" else sha(twice + nonce).digest()
    return bytes(a ^ b for a, b in zip(once, mixed))


class RawClient:
    """One connection. Fields of rows are not looked at."""

    def __init__(self, host, port, database, user, password):
        self.peer = socket.create_connection((host, port), timeout=120)
        self.peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._log_in(database, user, password)

    def _send(self, payload, turn=0):
        self.peer.sendall(len(payload).to_bytes(3, "little") + bytes([turn]) + payload)

    def _log_in(self, database, user, password):
        greeting, turn = _read_packet(self.peer)
        if greeting[0] == 0xFF:
            raise RuntimeError(greeting[3:].decode(errors="replace"))
        rest = greeting[greeting.index(b"\0", 1) + 5:]
        nonce = rest[:8] + rest[27:39]
        plugin = rest[40:rest.index(b"\0", 40)]
        proof = _proof(plugin, password, nonce)
        opening = struct.pack("<IIB23x", CAPABILITIES, 1 << 24, UTF8MB4)
        names = user.encode() + b"\0" + bytes([len(proof)]) + proof + database.encode() + b"\0" + plugin + b"\0"
        self._send(opening + names, turn + 1)
        while True:
            packet, turn = _read_packet(self.peer)
            if packet[0] == 0:
                return
            if packet[0] == 0xFF:
                raise RuntimeError(packet[3:].decode(errors="replace"))
            if packet[0] == 0xFE:
                plugin, nonce = packet[1:].split(b"\0", 1)
                self._send(_proof(plugin, password, nonce[:20]), turn + 1)
            elif packet[:2] == b"\x01\x04":
                raise RuntimeError("the server has this account not in its cache and wants the password itself")

    def count(self, sql):
        """Runs one query that returns rows; returns (bytes, seconds)."""
        buffer = bytearray(1 << 20)
        received, tail, began = 0, b"", time.perf_counter()
        self._send(b"\x03" + sql.encode())
        while True:
            size = self.peer.recv_into(buffer)
            if size == 0:
                raise RuntimeError("the connection was closed in mid-result")
            if received == 0 and buffer[4:5] == b"\xff":
                raise RuntimeError(bytes(buffer[13:size]).decode(errors="replace"))
            first = received == 0
            received += size
            tail = (tail + bytes(buffer[max(0, size - 9):size]))[-9:]
            # An EOF packet; the one behind the columns cannot come last in what is read, with rows right behind it, unless the
            # whole header is all that has come so far.
            if tail[:3] == b"\x05\0\0" and tail[4] == 0xFE and not (first and size < 1000):
                return received, time.perf_counter() - began

    def close(self):
        self.peer.close()
