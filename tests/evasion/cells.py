"""Binary cells as text, for the types that occur in the cases (PostgreSQL's send functions). What is not known stays bytes."""

import datetime
import struct

EPOCH = datetime.datetime(2000, 1, 1)


def _numeric(value):
    digits, weight, sign, scale = struct.unpack("!hhHh", value[:8])
    if sign == 0xC000:
        return "NaN"
    groups = struct.unpack(f"!{digits}h", value[8:8 + 2 * digits])
    number = sum(group * 10 ** (4 * (weight - index) + 40) for index, group in enumerate(groups))
    whole, rest = divmod(number, 10 ** 40)
    text = f"{'-' if sign == 0x4000 else ''}{whole}"
    return f"{text}.{rest:040d}"[:len(text) + 1 + scale] if scale else text


def _array(value):
    dimensions, _, oid = struct.unpack("!iii", value[:12])
    at, items = 12 + 8 * dimensions, []
    while at < len(value):
        (size,) = struct.unpack("!i", value[at:at + 4])
        at += 4
        if size < 0:
            items.append("NULL")
            continue
        items.append(text_of(oid, value[at:at + size]))
        at += size
    return "{" + ",".join(items) + "}"


def _record(value):
    (count,) = struct.unpack("!i", value[:4])
    at, items = 4, []
    for _ in range(count):
        oid, size = struct.unpack("!ii", value[at:at + 8])
        at += 8
        items.append("" if size < 0 else text_of(oid, value[at:at + size]))
        at += max(size, 0)
    return "(" + ",".join(items) + ")"


READERS = {
    16: lambda v: "t" if v == b"\1" else "f",
    17: lambda v: "\\x" + v.hex(),
    20: lambda v: str(struct.unpack("!q", v)[0]),
    21: lambda v: str(struct.unpack("!h", v)[0]),
    23: lambda v: str(struct.unpack("!i", v)[0]),
    26: lambda v: str(struct.unpack("!I", v)[0]),
    700: lambda v: repr(struct.unpack("!f", v)[0]),
    701: lambda v: repr(struct.unpack("!d", v)[0]),
    1082: lambda v: (EPOCH + datetime.timedelta(days=struct.unpack("!i", v)[0])).date().isoformat(),
    1114: lambda v: (EPOCH + datetime.timedelta(microseconds=struct.unpack("!q", v)[0])).isoformat(" "),
    1184: lambda v: (EPOCH + datetime.timedelta(microseconds=struct.unpack("!q", v)[0])).isoformat(" ") + "+00",
    1700: _numeric,
    2249: _record,
    3802: lambda v: v[1:].decode(errors="replace"),
}
ARRAYS = {1005, 1007, 1009, 1014, 1015, 1016, 1021, 1022, 1231, 2287}


def text_of(oid, value):
    try:
        if oid in ARRAYS:
            return _array(value)
        return READERS[oid](value) if oid in READERS else value.decode(errors="replace")
    except (struct.error, OverflowError, ValueError):
        return value.decode(errors="replace")
