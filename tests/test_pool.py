"""The pool: many threads, one batch; fair turns, nobody forgotten, nothing done for those who left."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from engine import checkpoint, decode
from engine.decode import Decoder, Sampling
from engine.pool import Pool
from engine.rows import Asked, Batch, Row
from engine.ticket import GivenUp, Ticket, current
from tests import tiny


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.tiny_models(tmp_path_factory.mktemp("models"))


class Steps(Batch):
    """A batch whose requests need a given number of steps and nothing else."""

    def __init__(self) -> None:
        self.flying: dict[Asked, int] = {}
        self.begun: list[Asked] = []
        self.steps = 0
        self.gate = threading.Event()
        self.gate.set()

    def __len__(self) -> int:
        return len(self.flying)

    def join(self, asked: Asked) -> None:
        self.begun.append(asked)
        self.flying[asked] = 0

    def leave(self, asked: Asked) -> None:
        self.flying.pop(asked, None)

    def step(self) -> list[Asked]:
        self.gate.wait()
        time.sleep(0.0005)  # as a real step, without Python's lock
        self.steps += 1
        for asked in list(self.flying):
            self.flying[asked] += 1
            if isinstance(asked, Needs) and self.flying[asked] >= asked.steps:
                asked.ended = True
                del self.flying[asked]
        return []


class Needs(Asked):
    def __init__(self, steps: int, rows: int = 1) -> None:
        super().__init__([], [], [])
        self.steps, self.size, self.ended = steps, rows, False

    @property
    def done(self) -> bool:
        return self.ended

    def __len__(self) -> int:
        return self.size


def write(pool: Pool, batch: Steps, asked: Needs, ticket: Ticket | None = None) -> None:
    with (ticket or Ticket()).held():
        pool.write([(batch, asked)])


def until(condition: object) -> None:
    assert callable(condition)
    for _ in range(10_000):
        if condition():
            return
        time.sleep(0.002)
    raise AssertionError("it did not come about")


def test_many_threads_get_the_texts_they_get_alone(models: Path) -> None:
    alone, shared = (Decoder(checkpoint.load(models / "talk")) for _ in range(2))

    def sample(writer: Decoder, seed: int) -> list[Row]:
        condition = writer.condition(["chat"], ["你好" * (seed % 7)] if seed % 7 else [])
        z = decode.latents(seed, 1 + seed % 9, writer.latent_size)
        return writer.sample(condition, z, seed, Sampling(max_tokens=12), beside=[[*condition[:1]]])

    with ThreadPoolExecutor(24) as threads:
        together = list(threads.map(lambda seed: sample(shared, seed), range(60)))
    for seed, rows in enumerate(together):
        assert rows == sample(alone, seed)
    assert len(shared.batch()) == 0


def test_the_lead_passes_on_and_nobody_is_forgotten() -> None:
    pool, batch = Pool(), Steps()
    with ThreadPoolExecutor(16) as threads:
        needs = [Needs(1 + number % 5) for number in range(200)]
        list(threads.map(lambda asked: write(pool, batch, asked), needs))
    assert all(asked.done for asked in needs)
    assert batch.steps < sum(asked.steps for asked in needs), "they shared steps"


def test_groups_join_in_turn_when_rows_are_scarce() -> None:
    pool, batch = Pool(most=2), Steps()
    batch.gate.clear()
    with ThreadPoolExecutor(20) as threads:
        first = threads.submit(write, pool, batch, Needs(1, 2), Ticket("busy"))
        until(lambda: batch.begun)
        waiting = []
        for number in range(12):
            waiting.append(threads.submit(write, pool, batch, busy := Needs(1, 2), Ticket("busy")))
            until(lambda number=number: len(pool._waiting) == number + 1)
            assert busy not in batch.begun
        small = Needs(1, 2)
        waiting.append(threads.submit(write, pool, batch, small, Ticket("small")))
        until(lambda: len(pool._waiting) == 13)
        batch.gate.set()
        for future in (first, *waiting):
            future.result(10)
    assert batch.begun.index(small) <= 2


def test_a_request_larger_than_all_rows_is_written_by_itself() -> None:
    pool, batch = Pool(most=4), Steps()
    write(pool, batch, asked := Needs(2, 9))
    assert asked.done


@pytest.mark.parametrize("leads", [True, False])
def test_what_nobody_wants_leaves_the_batch(leads: bool) -> None:
    pool, batch = Pool(), Steps()
    batch.gate.clear()
    gone, stays = Ticket("a"), Ticket("b")
    with ThreadPoolExecutor(2) as threads:
        order = [(gone, Needs(10**9)), (stays, Needs(50))]
        futures = {}
        for ticket, asked in order if leads else order[::-1]:
            futures[ticket] = threads.submit(write, pool, batch, asked, ticket)
            until(lambda: batch.begun)
        until(lambda: len(pool._waiting) == 1)
        gone.give_up()
        batch.gate.set()
        with pytest.raises(GivenUp):
            futures[gone].result(10)
        futures[stays].result(10)
    assert not batch.flying


def test_what_waits_too_long_is_not_begun() -> None:
    pool, batch = Pool(most=1), Steps()
    batch.gate.clear()
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(write, pool, batch, Needs(3), Ticket("a"))
        until(lambda: batch.begun)
        late = Needs(1)
        second = threads.submit(write, pool, batch, late, Ticket("b", deadline=time.monotonic()))
        until(lambda: len(pool._waiting) == 1)
        batch.gate.set()
        first.result(10)
        with pytest.raises(GivenUp):
            second.result(10)
    assert late not in batch.begun


def test_a_step_that_fails_fails_all_of_its_batch_and_nobody_after() -> None:
    pool, batch = Pool(), Steps()
    error = RuntimeError("broken")

    def fail() -> list[Asked]:
        batch.gate.wait()
        raise error

    step, batch.step = batch.step, fail  # type: ignore[method-assign]
    batch.gate.clear()
    with ThreadPoolExecutor(2) as threads:
        futures = [threads.submit(write, pool, batch, Needs(1))]
        until(lambda: batch.begun)
        futures.append(threads.submit(write, pool, batch, Needs(1)))
        until(lambda: len(pool._waiting) == 1)
        batch.step = step  # type: ignore[method-assign]
        batch.gate.set()
        failed = [future for future in futures if future.exception(10) is error]
    assert len(failed) == 1, "the other came after the step that failed"
    write(pool, batch, asked := Needs(1))
    assert asked.done


class Picky(Steps):
    def join(self, asked: Asked) -> None:
        if len(asked) == 2:
            raise RuntimeError("of another shape")
        super().join(asked)


def test_what_cannot_join_fails_alone_whoever_leads() -> None:
    batch = Picky()
    pool = Pool()
    with ThreadPoolExecutor(8) as threads:
        asked = [threads.submit(write, pool, batch, Needs(20, rows=1 + (n % 4 == 1))) for n in range(8)]
        failed = [n for n, each in enumerate(asked) if each.exception(20) is not None]
    assert failed == [1, 5]
    assert not batch.flying


def test_others_compute_while_one_waits_for_its_rows() -> None:
    turn = threading.Semaphore()
    pool, batch = Pool(), Steps()
    batch.gate.clear()
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(write, pool, batch, Needs(1), Ticket("a", turn=turn))
        until(lambda: batch.begun)
        with Ticket("b", turn=turn).held():
            assert current().group == "b"
        batch.gate.set()
        waiting.result(10)
    assert turn.acquire(blocking=False)


def test_work_without_a_ticket_is_limited_by_nothing() -> None:
    assert current().deadline == float("inf")
    assert not current().over
