"""A PostgreSQL client that only counts: logs in (SCRAM-SHA-256), sends one query, reads to its end. It costs next to nothing."""

import base64
import hashlib
import hmac
import os
import socket
import struct
import time

READY = b"Z\x00\x00\x00\x05I"


def _message(kind, body):
    return kind + struct.pack("!i", len(body) + 4) + body


def read_exactly(peer, size):
    """So many bytes, and no more."""
    data = b""
    while len(data) < size:
        part = peer.recv(size - len(data))
        if not part:
            raise RuntimeError("the connection was closed")
        data += part
    return data


def _read_message(peer):
    kind = read_exactly(peer, 1)
    (size,) = struct.unpack("!i", read_exactly(peer, 4))
    return kind, read_exactly(peer, size - 4)


def _proof(password, first_bare, server_first, final_bare):
    """The client's proof of RFC 5802, section 3."""
    parts = dict(part.split("=", 1) for part in server_first.split(","))
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(parts["s"]), int(parts["i"]))
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    spoken = f"{first_bare},{server_first},{final_bare}".encode()
    signature = hmac.digest(hashlib.sha256(client_key).digest(), spoken, "sha256")
    return base64.b64encode(bytes(a ^ b for a, b in zip(client_key, signature))).decode()


class RawClient:
    """One connection. Fields of rows are not looked at."""

    def __init__(self, host, port, database, user, password):
        self.peer = socket.create_connection((host, port), timeout=120)
        self.peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        settings = f"user\0{user}\0database\0{database}\0application_name\0figures\0\0".encode()
        self.peer.sendall(struct.pack("!ii", len(settings) + 8, 196608) + settings)
        self._log_in(password)

    def _log_in(self, password):
        nonce = base64.b64encode(os.urandom(18)).decode()
        first_bare = f"n=,r={nonce}"
        while True:
            kind, body = _read_message(self.peer)
            if kind == b"E":
                raise RuntimeError(body.replace(b"\0", b" ").decode(errors="replace"))
            if kind == b"Z":
                return
            if kind != b"R":
                continue
            (step,) = struct.unpack("!i", body[:4])
            if step == 10:
                hello = f"n,,{first_bare}".encode()
                self.peer.sendall(_message(b"p", b"SCRAM-SHA-256\0" + struct.pack("!i", len(hello)) + hello))
            elif step == 11:
                server_first = body[4:].decode()
                server_nonce = server_first.split(",")[0][2:]
                final_bare = f"c=biws,r={server_nonce}"
                proof = _proof(password, first_bare, server_first, final_bare)
                self.peer.sendall(_message(b"p", f"{final_bare},p={proof}".encode()))

    def count(self, sql):
        """Runs one query; returns (bytes, seconds)."""
        buffer = bytearray(1 << 20)
        received, tail, began = 0, b"", time.perf_counter()
        self.peer.sendall(_message(b"Q", sql.encode() + b"\0"))
        while True:
            size = self.peer.recv_into(buffer)
            if size == 0:
                raise RuntimeError("the connection was closed in mid-result")
            if received == 0 and buffer[:1] == b"E":
                raise RuntimeError(bytes(buffer[:size]).replace(b"\0", b" ").decode(errors="replace"))
            received += size
            tail = (tail + bytes(buffer[max(0, size - 6):size]))[-6:]
            if tail == READY:
                return received, time.perf_counter() - began

    def close(self):
        self.peer.close()
