"""A PostgreSQL client that keeps every byte it receives: simple and extended protocol, text and binary, COPY, FunctionCall."""

import base64
import hashlib
import hmac
import os
import socket
import struct

from cells import text_of

TIMEOUT = 30


class Closed(Exception):
    """The other side ended the connection."""


def message(kind, body=b""):
    return kind + struct.pack("!i", len(body) + 4) + body


def zero(text):
    return text.encode() + b"\0"


class Result:
    """One statement's answer: columns, cells as text, tag, error fields."""

    def __init__(self):
        self.columns, self.formats, self.rows = [], [], []
        self.tag, self.error, self.copied = None, None, b""

    @property
    def routine(self):
        return (self.error or {}).get("R", "")

    def outcome(self):
        """What an onlooker can tell of it."""
        code = (self.error or {}).get("C")
        return (tuple(tuple(row) for row in self.rows), self.tag, code, self.copied)


def _proof(password, first_bare, server_first, final_bare):
    """The client's proof of RFC 5802, section 3."""
    parts = dict(part.split("=", 1) for part in server_first.split(","))
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(parts["s"]), int(parts["i"]))
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    signature = hmac.digest(hashlib.sha256(client_key).digest(), f"{first_bare},{server_first},{final_bare}".encode(), "sha256")
    return base64.b64encode(bytes(a ^ b for a, b in zip(client_key, signature))).decode()


class Line:
    """A connection before anything is said on it. `received` holds every byte that came, those of a message cut short, too."""

    def __init__(self, host, port):
        self.received = bytearray()
        self.peer = socket.create_connection((host, port), timeout=TIMEOUT)
        self.peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _exactly(self, size):
        data = bytearray()
        while len(data) < size:
            part = self.peer.recv(min(size - len(data), 1 << 20))
            if not part:
                raise Closed("the connection was closed")
            data += part
            self.received += part
        return bytes(data)


class Client(Line):
    """One connection. `received` is emptied after the login."""

    def __init__(self, host, port, database, user, password):
        super().__init__(host, port)
        settings = zero("user") + zero(user) + zero("database") + zero(database) + b"\0"
        self.peer.sendall(struct.pack("!ii", len(settings) + 8, 196608) + settings)
        self._log_in(password)
        self.received.clear()

    def read(self):
        head = self._exactly(5)
        return head[:1], self._exactly(struct.unpack("!i", head[1:])[0] - 4)

    def _log_in(self, password):
        nonce = base64.b64encode(os.urandom(18)).decode()
        first_bare = f"n=,r={nonce}"
        while True:
            kind, body = self.read()
            if kind == b"E":
                raise Closed(body.replace(b"\0", b" ").decode(errors="replace"))
            if kind == b"Z":
                return
            if kind != b"R":
                continue
            (step,) = struct.unpack("!i", body[:4])
            if step == 10:
                hello = f"n,,{first_bare}".encode()
                self.peer.sendall(message(b"p", b"SCRAM-SHA-256\0" + struct.pack("!i", len(hello)) + hello))
            elif step == 11:
                server_first = body[4:].decode()
                final_bare = f"c=biws,r={server_first.split(',')[0][2:]}"
                self.peer.sendall(message(b"p", f"{final_bare},p={_proof(password, first_bare, server_first, final_bare)}".encode()))

    def simple(self, sql):
        """One Query message; the results of all its statements."""
        self.peer.sendall(message(b"Q", zero(sql)))
        return self._results()

    def extended(self, sql, parameters=(), binary=False):
        return self.pipeline([sql], parameters, binary)

    def pipeline(self, sqls, parameters=(), binary=False):
        """Several statements through unnamed statement and portal, one Sync behind them all."""
        out = b""
        values = b"".join(b"\xff\xff\xff\xff" if p is None else struct.pack("!i", len(p.encode())) + p.encode() for p in parameters)
        for sql in sqls:
            out += message(b"P", b"\0" + zero(sql) + b"\0\0")
            out += message(b"B", b"\0\0\0\0" + struct.pack("!h", len(parameters)) + values + struct.pack("!hh", 1, 1 if binary else 0))
            out += message(b"D", b"P\0") + message(b"E", b"\0\0\0\0\0")
        self.peer.sendall(out + message(b"S"))
        return self._results()

    def call(self, oid, arguments):
        """FunctionCall with text arguments, text result."""
        body = struct.pack("!ihh", oid, 0, len(arguments))
        body += b"".join(struct.pack("!i", len(a.encode())) + a.encode() for a in arguments) + b"\0\0"
        self.peer.sendall(message(b"F", body))
        return self._results()

    def _results(self):
        results, current = [], Result()
        while True:
            kind, body = self.read()
            if kind == b"Z":
                return results or [current]
            if kind == b"T":
                current.columns, current.formats = _description(body)
            elif kind == b"D":
                current.rows.append(_row(body, current))
            elif kind == b"V":
                current.rows.append([body[4:].decode(errors="replace")])
            elif kind == b"d":
                current.copied += body
            elif kind == b"G":
                self.peer.sendall(message(b"f", zero("no data")))
            elif kind in (b"C", b"I", b"s", b"E"):
                if kind == b"E":
                    current.error = _fields(body)
                else:
                    current.tag = body.rstrip(b"\0").decode()
                results.append(current)
                current = Result()
                if kind == b"E" and results[-1].error.get("S") == "FATAL":
                    raise Closed(results[-1].error.get("M", ""))

    def close(self):
        try:
            self.peer.sendall(message(b"X"))
        except OSError:
            pass
        self.peer.close()


def _description(body):
    (count,) = struct.unpack("!h", body[:2])
    columns, formats, at = [], [], 2
    for _ in range(count):
        end = body.index(b"\0", at)
        name = body[at:end].decode(errors="replace")
        _, _, oid, _, _, wire_format = struct.unpack("!ihihih", body[end + 1:end + 19])
        columns.append((name, oid))
        formats.append(wire_format)
        at = end + 19
    return columns, formats


def _row(body, result):
    (count,) = struct.unpack("!h", body[:2])
    cells, at = [], 2
    for index in range(count):
        (size,) = struct.unpack("!i", body[at:at + 4])
        at += 4
        if size < 0:
            cells.append(None)
            continue
        value, at = body[at:at + size], at + size
        binary = index < len(result.formats) and result.formats[index] == 1
        cells.append(text_of(result.columns[index][1], value) if binary else value.decode(errors="replace"))
    return cells


def _fields(body):
    fields = {}
    for part in body.split(b"\0"):
        if part:
            fields[chr(part[0])] = part[1:].decode(errors="replace")
    return fields
