"""The C library's heap: one for all threads; and what Python's collector need not look through.

Knows: glibc's `mallopt` and `malloc_trim`, Python's `gc`. Does not know: who allocates what.
"""

from __future__ import annotations

import ctypes
import gc

_ARENA_MAX, _MMAP_THRESHOLD = -8, -3  # of malloc.h
_LARGE = 4 << 20
"""Bytes from which memory goes back to the system when it is freed: tables of a start, not a step's rows."""


def share() -> None:
    """glibc gives busy threads heaps of their own, each of which keeps the most that it ever held: 32
    threads that write in turn held 380 MB so. Elsewhere this does nothing."""
    try:
        library = ctypes.CDLL(None)
        library.mallopt(_ARENA_MAX, 1)
        library.mallopt(_MMAP_THRESHOLD, _LARGE)
    except (OSError, AttributeError, TypeError):
        return


def give_back() -> None:
    """Free pages go back to the system: 7 to 11 MB once all models are loaded, in 1 to 14 ms.

    Elsewhere than with glibc this does nothing.
    """
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (OSError, AttributeError, TypeError):
        return


def settle() -> None:
    """What is there stays there: the collector looks through it no more, until this is called again.

    To look through models, books and tables for cycles holds every thread up for a tenth of a second, and it
    looks again and again while a thousand people speak.
    """
    gc.unfreeze()  # what was replaced since goes
    gc.collect()
    gc.freeze()
    give_back()
