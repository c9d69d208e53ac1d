"""A MySQL client that keeps every byte it receives: text and binary protocol, cursors, several statements at once, TLS."""

import hashlib
import re
import ssl
import struct

from wire import Closed, Line, Result

# LONG_PASSWORD, LONG_FLAG, CONNECT_WITH_DB, PROTOCOL_41, TRANSACTIONS, SECURE_CONNECTION, MULTI_STATEMENTS, MULTI_RESULTS,
# PS_MULTI_RESULTS, PLUGIN_AUTH, SESSION_TRACK
CAPABILITIES = 0x1 | 0x4 | 0x8 | 0x200 | 0x2000 | 0x8000 | 0x10000 | 0x20000 | 0x40000 | 0x80000 | 0x800000
TLS = 0x800
MORE_RESULTS, CURSOR, LAST_ROW = 0x8, 0x40, 0x80
QUERY, QUIT, PREPARE, EXECUTE, CLOSE, FETCH, RESET = 3, 1, 0x16, 0x17, 0x19, 0x1C, 0x1F
UTF8MB4 = 45
# How Holdpoint's own refusals begin; a SIGNAL of a routine has the same number.
OWN = re.compile(r"approval |blocked by rule |reason required by rule |hold |agent |the statement carries a mask token|holdpoint")


def _scramble(plugin, password, nonce):
    """The proof that a plugin wants, which shows the password to nobody."""
    secret = password.encode()
    if plugin == "mysql_native_password":
        once = hashlib.sha1(secret).digest()
        mixed = hashlib.sha1(nonce + hashlib.sha1(once).digest()).digest()
    elif plugin == "caching_sha2_password":
        once = hashlib.sha256(secret).digest()
        mixed = hashlib.sha256(hashlib.sha256(once).digest() + nonce).digest()
    else:
        raise Closed(f"the login plugin {plugin} is not known to this client")
    return bytes(a ^ b for a, b in zip(once, mixed))


class Reader:
    """Takes a packet apart from the front."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, size):
        part = self.data[self.at:self.at + size]
        self.at += size
        return part

    def number(self, size):
        return int.from_bytes(self.take(size), "little")

    def length(self):
        """A length-encoded integer; `None` is NULL."""
        first = self.number(1)
        if first == 0xFB:
            return None
        return first if first < 0xFB else self.number({0xFC: 2, 0xFD: 3, 0xFE: 8}[first])

    def text(self):
        size = self.length()
        return None if size is None else self.take(size)

    def until_zero(self):
        end = self.data.index(b"\0", self.at)
        part, self.at = self.data[self.at:end], end + 1
        return part


class MyResult(Result):
    """One statement's answer; `flags` is the server's status, `tag` says what an OK counts."""

    def __init__(self):
        super().__init__()
        self.flags = 0


class Client(Line):
    """One connection. `received` is emptied after the login."""

    def __init__(self, host, port, database, user, password, tls=False):
        super().__init__(host, port)
        self.sequence = 0
        self._log_in(database, user, password, tls)
        self.received.clear()

    def read(self):
        whole = b""
        while True:
            head = self._exactly(4)
            size = int.from_bytes(head[:3], "little")
            self.sequence = (head[3] + 1) % 256
            whole += self._exactly(size)
            if size < 0xFFFFFF:
                return whole

    def write(self, payload):
        self.peer.sendall(len(payload).to_bytes(3, "little") + bytes([self.sequence]) + payload)
        self.sequence = (self.sequence + 1) % 256

    def command(self, code, payload=b""):
        self.sequence = 0
        self.write(bytes([code]) + payload)

    def _log_in(self, database, user, password, tls):
        greeting = Reader(self.read())
        if greeting.number(1) == 0xFF:
            raise Closed(greeting.data[3:].decode(errors="replace"))
        greeting.until_zero()
        greeting.take(4)
        nonce = greeting.take(8)
        greeting.take(1 + 2 + 1 + 2 + 2)
        size = max(13, greeting.number(1) - 8)
        greeting.take(10)
        nonce += greeting.take(size)[:12]
        plugin = greeting.until_zero().decode()
        wanted = CAPABILITIES | (TLS if tls else 0)
        opening = struct.pack("<IIB23x", wanted, 1 << 24, UTF8MB4)
        if tls:
            self.write(opening)
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # loopback, a throw-away server
            self.peer = context.wrap_socket(self.peer)
        proof = _scramble(plugin, password, nonce)
        names = (user.encode() + b"\0", bytes([len(proof)]) + proof, database.encode() + b"\0", plugin.encode() + b"\0")
        self.write(opening + b"".join(names))
        self._finish_login(plugin, password)

    def _finish_login(self, plugin, password):
        while True:
            packet = self.read()
            if packet[0] == 0:
                return
            if packet[0] == 0xFF:
                raise Closed(packet[3:].decode(errors="replace"))
            if packet[0] == 0xFE:
                switch = Reader(packet[1:])
                plugin = switch.until_zero().decode()
                self.write(_scramble(plugin, password, switch.take(20)))
            elif packet[:2] == b"\x01\x04":
                if not isinstance(self.peer, ssl.SSLSocket):
                    raise Closed("the password itself is wanted on an open line")
                self.write(password.encode() + b"\0")

    def simple(self, sql):
        """One COM_QUERY; the results of all its statements."""
        self.command(QUERY, sql.encode())
        return self._results(_text_row)

    def prepared(self, sql, cursor=False, fetch=1000):
        """Prepares, executes (with a cursor: fetches until the end) and closes."""
        self.command(PREPARE, sql.encode())
        answer = self.read()
        if answer[0] == 0xFF:
            return [_failed(answer)]
        number, columns, parameters = struct.unpack("<IHH", answer[1:9])
        for count in (parameters, columns):
            for _ in range(count + 1 if count else 0):
                self.read()
        if parameters:
            raise ValueError("this client sends no parameters")
        self.command(EXECUTE, struct.pack("<IBI", number, 1 if cursor else 0, 1))
        results = self._results(_binary_row)
        while cursor and results[-1].error is None and results[-1].flags & CURSOR and not results[-1].flags & LAST_ROW:
            self.command(FETCH, struct.pack("<II", number, fetch))
            self._rows(results[-1], _binary_row)
        self.command(CLOSE, struct.pack("<I", number))
        return results

    def reset(self):
        self.command(RESET)
        return self._results(_text_row)

    def _results(self, row):
        results = []
        while True:
            result = self._result(row)
            results.append(result)
            if result.error is not None or not result.flags & MORE_RESULTS:
                return results

    def _result(self, row):
        head = self.read()
        if head[0] == 0xFF:
            return _failed(head)
        result = MyResult()
        if head[0] == 0:
            told = Reader(head[1:])
            result.tag = f"OK, {told.length()} rows, id {told.length()}"
            result.flags = told.number(2)
            return result
        if head[0] == 0xFB:
            raise Closed("the server wants a file of ours")
        for _ in range(Reader(head).length()):
            result.columns.append(_column(self.read()))
        end = self.read()
        result.flags = int.from_bytes(end[3:5], "little")
        if row is _binary_row and result.flags & CURSOR:
            return result
        self._rows(result, row)
        return result

    def _rows(self, result, row):
        while True:
            packet = self.read()
            if packet[0] == 0xFF:
                result.error = _failed(packet).error
                return
            if packet[0] == 0xFE and len(packet) < 9:
                result.flags = int.from_bytes(packet[3:5], "little")
                return
            result.rows.append(row(packet, result.columns))

    def close(self):
        try:
            self.command(QUIT)
        except OSError:
            pass
        self.peer.close()


def _failed(packet):
    """An ERR packet as a result. Holdpoint's own refusals get the names that they have in PostgreSQL's protocol."""
    code, state, text = int.from_bytes(packet[1:3], "little"), packet[4:9].decode(), packet[9:].decode(errors="replace")
    result = MyResult()
    result.error = {"C": state, "N": code, "M": text}
    if code == 1644 and OWN.match(text):
        result.error["R"] = "holdpoint_pending" if text.startswith("approval pending ") else "holdpoint_denied"
    return result


def _column(packet):
    reader = Reader(packet)
    for _ in range(4):
        reader.text()
    name = reader.text()
    reader.text()
    reader.length()
    reader.take(6)
    kind, flags = reader.number(1), reader.number(2)
    return name.decode(errors="replace"), kind, bool(flags & 0x20)


def _text_row(packet, columns):
    reader = Reader(packet)
    cells = [reader.text() for _ in columns]
    return [None if cell is None else cell.decode(errors="replace") for cell in cells]


def _binary_row(packet, columns):
    reader = Reader(packet[1:])
    nulls = reader.take((len(columns) + 9) // 8)
    return [None if nulls[(at + 2) // 8] >> (at + 2) % 8 & 1 else _binary_cell(reader, kind, unsigned)
            for at, (_, kind, unsigned) in enumerate(columns)]


def _binary_cell(reader, kind, unsigned):
    """A cell of the binary protocol as text. Kinds: manual, "Binary Protocol Value"."""
    whole = {1: 1, 2: 2, 13: 2, 3: 4, 9: 4, 8: 8}.get(kind)
    if whole is not None:
        return str(int.from_bytes(reader.take(whole), "little", signed=not unsigned))
    if kind == 4:
        return repr(struct.unpack("<f", reader.take(4))[0])
    if kind == 5:
        return repr(struct.unpack("<d", reader.take(8))[0])
    if kind in (7, 10, 12):
        parts = Reader(reader.take(reader.number(1)))
        return f"{parts.number(2):04}-{parts.number(1):02}-{parts.number(1):02} {parts.number(1):02}:{parts.number(1):02}:{parts.number(1):02}"
    if kind == 11:
        parts = Reader(reader.take(reader.number(1)))
        return f"{'-' if parts.number(1) else ''}{parts.number(4)} {parts.number(1):02}:{parts.number(1):02}:{parts.number(1):02}"
    return reader.text().decode(errors="replace")
