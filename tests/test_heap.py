"""What is settled is looked through no more, and what was garbage by then is gone."""

import gc
import weakref

from engine import heap


class Ring:
    def __init__(self) -> None:
        self.own = self


def test_what_is_there_is_frozen_and_garbage_is_not() -> None:
    gc.disable()
    try:
        held, lost = Ring(), weakref.ref(Ring())
        assert lost() is not None  # it holds itself, so that only the collector ends it
        heap.settle()
        assert lost() is None
        assert gc.get_freeze_count() > 0
        assert all(one is not held for one in gc.get_objects())
        heap.settle()  # what was replaced since goes, though it had been frozen
        gone = weakref.ref(held)
        del held
        heap.settle()
        assert gone() is None
    finally:
        gc.enable()
        gc.unfreeze()
