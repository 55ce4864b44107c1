"""The model's file, read by crates/semantic/src/model.rs. All numbers little-endian.

    0   8  magic "SLUICSEM"
    8   4  format version, 1
    12  4  pieces n
    16  4  dims d (a multiple of 32)
    20  4  slots h of the hash table (a power of two)
    24  4  groups g of pieces
    28  4  bytes of strings s
    32  4  CRC-32 (IEEE) of everything after the header
    36  28 zero
    64     rows: n x d/2 bytes; byte j of a row holds dim j in its low half and dim j + d/2 in its high half, each +8
           scales: n x f32
           slots: h x u16, index of a piece or 65535; linear probing from the hash
           groups: g x (u8 1 for continuations, u8 bytes a piece, u16 pieces)
           strings: the pieces' bytes, one group after another, "##" left off
"""

import struct
import zlib

import numpy as np

from vocabulary import bare

EMPTY = 0xFFFF


def hash_piece(text, continuation):
    """FNV-1a over the bytes, 32 bits, started apart for continuations; folded."""
    value = 0x811C9DC5 ^ (0x9E3779B9 if continuation else 0)
    for byte in text:
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return value ^ (value >> 15)


def write(pieces, codes, scales):
    n, d = codes.shape
    half = (codes.astype(np.int16) + 8).astype(np.uint8)
    rows = (half[:, :d // 2] | (half[:, d // 2:] << 4)).astype(np.uint8)
    slots = [EMPTY] * 32_768
    groups, strings = [], b""
    for i, piece in enumerate(pieces):
        text, continuation = bare(piece).encode(), piece != bare(piece)
        if groups and groups[-1][:2] == [int(continuation), len(text)]:
            groups[-1][2] += 1
        else:
            groups.append([int(continuation), len(text), 1])
        strings += text
        at = hash_piece(text, continuation) % len(slots)
        while slots[at] != EMPTY:
            at = (at + 1) % len(slots)
        slots[at] = i
    # Eight bits of a scale's mantissa are plenty, and zeros pack well.
    scales = ((scales.astype("<f4").view("<u4") + 0x8000) & 0xFFFF0000).astype("<u4").view("<f4")
    body = rows.tobytes() + scales.tobytes() + struct.pack(f"<{len(slots)}H", *slots)
    body += b"".join(struct.pack("<BBH", *g) for g in groups) + strings
    head = b"SLUICSEM" + struct.pack("<7I", 1, n, d, len(slots), len(groups), len(strings), zlib.crc32(body))
    return head.ljust(64, b"\0") + body


def read(raw):
    """(pieces with their "##", codes, scales) of a file's bytes."""
    n, d, slots, groups, strings = struct.unpack("<5I", raw[12:32])
    at = 64
    packed = np.frombuffer(raw, np.uint8, n * d // 2, at).reshape(n, d // 2)
    codes = np.concatenate([packed & 15, packed >> 4], 1).astype(np.int8) - 8
    at += n * d // 2
    scales = np.frombuffer(raw, "<f4", n, at)
    at += n * 4 + slots * 2
    text, pieces = at + groups * 4, []
    for g in range(groups):
        continuation, length, count = struct.unpack("<BBH", raw[at + g * 4:at + g * 4 + 4])
        for _ in range(count):
            pieces.append(("##" if continuation else "") + raw[text:text + length].decode())
            text += length
    return pieces, codes, scales
