"""The C library's heap: one for all threads.

Knows: glibc's `mallopt`. Does not know: who allocates what.
"""

from __future__ import annotations

import ctypes

_ARENA_MAX = -8  # M_ARENA_MAX of malloc.h


def share() -> None:
    """glibc gives busy threads heaps of their own, each of which keeps the most that it ever held: 32
    threads that write in turn held 380 MB so. Elsewhere this does nothing."""
    try:
        ctypes.CDLL(None).mallopt(_ARENA_MAX, 1)
    except (OSError, AttributeError, TypeError):
        return
