# SPDX-License-Identifier: MIT
"""The build under test: where it is, what it carries, and how much longer it may take.

    program('sottod')                     the path of a program of the build
    end = deadline(30)                    the moment of time.monotonic() at which 30 seconds are over
    socket.settimeout(patient(30))        30 seconds

Seconds are those of the programs as they are shipped. With a sanitizer, or under valgrind, everything is several times
slower, and one factor for all waits stands here. Nothing is judged by these times: a test that passes goes on as soon as
what it waits for is there.
"""
import os
import pathlib
import time

SOURCE = pathlib.Path(os.environ.get('SOTTO_SOURCE') or pathlib.Path(__file__).resolve().parents[2])
BUILD = pathlib.Path(os.environ.get('SOTTO_BUILD') or SOURCE / 'build')
DEADLINE_SECONDS = 120  # for an answer, a line, an end, on a machine that does many other things
SANITIZED_FACTOR = 4
VALGRIND_FACTOR = 20


def program(name):
    """The path of a program of the build. A build without it is a failure, never a reason to skip."""
    path = BUILD / 'bin' / name
    assert path.exists(), f'{name} is not built'
    return path


def is_sanitized(build=BUILD):
    """Whether the build carries a sanitizer."""
    cache = build / 'CMakeCache.txt'
    lines = cache.read_text(encoding='utf-8').splitlines() if cache.exists() else []
    return any(line.startswith('SOTTO_SANITIZE:') and not line.endswith('=') for line in lines)


def slowness(build=BUILD):
    """How many times longer than usual the programs of a build may take."""
    if os.environ.get('SOTTO_VALGRIND') == '1':
        return VALGRIND_FACTOR
    return SANITIZED_FACTOR if is_sanitized(build) else 1


FACTOR = slowness()


def patient(seconds=DEADLINE_SECONDS):
    return seconds * FACTOR


def deadline(seconds=DEADLINE_SECONDS):
    return time.monotonic() + patient(seconds)
