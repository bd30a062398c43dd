# SPDX-License-Identifier: MIT
"""Looks for a secret in bytes in every dress it could wear: raw, hex, base64 at its three offsets, UTF-16, zlib.

    found = sightings(blob, {'message': b'...32 random bytes...'})      -> ['message as base64', ...]

Compressed data is found by trying to inflate wherever a zlib or gzip header could stand, within bounds. Empty pages,
which are nearly all of a core dump, are left out: no dress has so many zeros in a row.
"""
import base64
import re
import zlib

INFLATE_BYTES_MAX = 1 << 20
STREAMS_MAX = 20000
EMPTY_PAGE = bytes(4096)
STREAM_START = re.compile(rb'\x78[\x01\x5e\x9c\xda]|\x1f\x8b\x08')


def base64_forms(secret):
    """The stable middle of the secret's base64 at each offset in a group of three, both alphabets."""
    forms = set()
    for offset in range(3):
        text = base64.b64encode(b'\0' * offset + secret)
        middle = text[(0, 2, 3)[offset]:len(text) - 4]
        forms.add(middle)
        forms.add(middle.replace(b'+', b'-').replace(b'/', b'_'))
    return forms


def dresses(secret):
    yield 'raw', secret
    yield 'hex', secret.hex().encode()
    yield 'HEX', secret.hex().upper().encode()
    for form in base64_forms(secret):
        yield 'base64', form
    if all(byte < 128 for byte in secret):
        yield 'UTF-16', secret.decode('ascii').encode('utf-16-le')
        yield 'UTF-16BE', secret.decode('ascii').encode('utf-16-be')


def inflated(blob):
    """What the blob's compressed streams hold, joined."""
    parts = []
    for number, match in enumerate(STREAM_START.finditer(blob)):
        if number >= STREAMS_MAX:
            break
        window = 31 if match.group()[0] == 0x1f else 15
        engine = zlib.decompressobj(window)
        piece = b''
        try:
            piece = engine.decompress(blob[match.start():match.start() + INFLATE_BYTES_MAX],
                                      INFLATE_BYTES_MAX)
        except zlib.error:
            pass
        if len(piece) >= 16:
            parts.append(piece)
    return b'\0'.join(parts)


def without_empty_pages(blob):
    pages = (blob[start:start + len(EMPTY_PAGE)] for start in range(0, len(blob), len(EMPTY_PAGE)))
    return b''.join(page for page in pages if page != EMPTY_PAGE)


def sightings(blob, secrets):
    """Which of the named secrets stand in the blob, and how."""
    found = []
    blob = without_empty_pages(blob)
    unpacked = inflated(blob)
    for name, secret in secrets.items():
        for dress, form in dresses(secret):
            if form in blob:
                found.append(f'{name} as {dress}')
            if form in unpacked:
                found.append(f'{name} as {dress} in zlib')
    return found
