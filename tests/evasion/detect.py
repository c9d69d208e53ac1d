"""Is there a leak in what came back? The modes of `cases.jsonl`, and the disguises in which a value may travel."""

import base64
import codecs
import re
import urllib.parse


def _offsets(value):
    """Base64 of a value at the three alignments, without the characters that its neighbours decide."""
    for shift in range(3):
        coded = base64.b64encode(b"\0" * shift + value)
        start = {0: 0, 1: 2, 2: 3}[shift]
        end = len(coded) - {0: 0, 1: 3, 2: 2}[(shift + len(value)) % 3] if (shift + len(value)) % 3 else len(coded)
        yield coded[start:end]


def disguises(leak):
    """Byte strings, in lower case but for base64, any of which would give the value away."""
    raw = leak.encode()
    plain = {leak, leak[::-1], codecs.encode(leak, "rot13"), " ".join(leak), ",".join(leak), "|".join(leak)}
    plain.add(raw.hex())
    plain.add(raw[::-1].hex())
    for joint in (",", ", ", " ", "}{", "-", "|"):
        plain.add(joint.join(str(byte) for byte in raw))
    plain.add(urllib.parse.quote(leak, safe=""))
    plain.add("".join(f"%{byte:02x}" for byte in raw))
    plain.add("".join(f"\\{byte:03o}" for byte in raw))
    plain.add("".join(f"\\x{byte:02x}" for byte in raw))
    plain.add("".join(f"\\u{byte:04x}" for byte in raw))
    plain.add("".join(f"&#{byte};" for byte in raw))
    plain.add("\0".join(leak))
    folded = {text.lower().encode() for text in plain if len(text) >= 4}
    exact = {part for part in _offsets(raw) if len(part) >= 6}
    return folded, exact


def found(leaks, material):
    """The first leak that the received material gives away, with its disguise; `None` if none does."""
    for leak in leaks:
        folded, exact = disguises(leak)
        for piece in material:
            lowered = piece.lower()
            for disguise in folded:
                if disguise in lowered:
                    return f"{leak} as {disguise.decode(errors='replace')!r}"
            for disguise in exact:
                if disguise in piece:
                    return f"{leak} as base64 {disguise.decode()!r}"
    return None


def material(results, received):
    """Everything to look through: the bytes, the cells as text, and every column read downwards."""
    pieces = [bytes(received)]
    for result in results:
        pieces.append("\0\0".join(cell or "" for row in result.rows for cell in row).encode())
        width = max((len(row) for row in result.rows), default=0)
        for column in range(width):
            pieces.append("".join((row[column] or "") if column < len(row) else "" for row in result.rows).encode())
        pieces.append(result.copied)
    return pieces


def _cells(results):
    return [cell for result in results for row in result.rows for cell in row if cell is not None]


def leak(case, run, direct):
    """Why this run leaks, or `None`. `direct` runs SQL on the database itself and returns its results."""
    detect, results = case["detect"], run.results
    mode = detect["mode"]
    if mode == "substring":
        return found(case["leaks"], material(results, run.received))
    if mode == "cells":
        chosen = [results[detect["stmt"]]] if "stmt" in detect else results
        hits = [(pattern, cell) for pattern in detect["regex"] for cell in _cells(chosen) if re.search(pattern, cell)]
        return f"cell {hits[0][1]!r} matches {hits[0][0]}" if hits else None
    if mode == "rowcount":
        counts = [len(result.rows) for result in results]
        return f"{detect['value']} rows" if detect["value"] in counts else None
    if mode == "equals_query":
        wanted = _cells(direct(detect["sql"])[-1:])
        got = _cells(results[-1:])
        return f"cells {got}" if got and got == wanted else None
    if mode == "oracle":
        return _oracle(detect, run)
    if mode == "stored":
        stored = " ".join(_cells(direct([detect["check"]])))
        gone = [text for text in detect["must_contain"] if text not in stored]
        return f"stored: {stored}" if gone else None
    return None if mode == "control" else f"detect mode {mode} is not known to this runner"


def _oracle(detect, run):
    yes, no = run.by_statement.get(detect["true"]), run.by_statement.get(detect["false"])
    if yes is None or no is None:
        return None
    # A refusal comes before anything runs, so it tells about the statement's shape and nothing about the data.
    if any(result.routine.startswith("holdpoint_") for part in (yes, no) for result in part.results):
        return None
    if "timing_ms" in detect:
        apart = abs(yes.seconds - no.seconds) * 1000
        return f"{apart:.0f} ms apart" if apart >= detect["timing_ms"] else None
    told = [tuple(result.outcome() for result in part.results) for part in (yes, no)]
    return f"{told[0]} or {told[1]}"[:300] if told[0] != told[1] else None


def control_failure(case, run):
    """Why ordinary work did not pass as it must, or `None`."""
    text = b"\0".join(material(run.results, run.received)).decode(errors="replace")
    missing = [wanted for wanted in case["detect"]["must_contain"] if wanted not in text]
    shown = [secret for secret in case["detect"]["must_not_contain"] if secret in text]
    if missing:
        return f"missing {missing}"
    return f"shown {shown}" if shown else None
