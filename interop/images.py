"""Builds the smallest valid pictures that an organization's operations take, as base64."""

import base64
import struct
import zlib


def _chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_bytes(width, height):
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = b"".join(b"\0" + b"\x80" * width for _ in range(height))
    return (
        b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows, 9)) + _chunk(b"IEND", b"")
    )


def png(width, height):
    return base64.b64encode(png_bytes(width, height)).decode()


def ico(width, height):
    """An icon of one picture, stored as PNG, which the format allows."""
    picture = png_bytes(width, height)
    # 0 stands for 256 in the one-byte sizes; the picture begins behind the two headers.
    entry = struct.pack("<BBBBHHII", width % 256, height % 256, 0, 0, 1, 8, len(picture), 6 + 16)
    return base64.b64encode(struct.pack("<HHH", 0, 1, 1) + entry + picture).decode()
