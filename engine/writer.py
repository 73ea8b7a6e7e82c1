"""The Engine: what `bot` and the command line talk to.

Knows: tasks, the order danger → validate → queue → compose, replays, summaries.
Does not know: Discord, the web, storage. It imports no numeric library until something is written.
"""

from __future__ import annotations

import asyncio
import dataclasses
import secrets
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine import heap, native, text
from engine.errors import Loading, NothingToSummarize, UnknownTask
from engine.prompt import load_tasks
from engine.task import Task
from engine.tuned import current
from engine.values import Draft, Message, Origin, Reply, Request, Summary
from engine.weights import folder_of, hash_of
from engine.workers import Workers

if TYPE_CHECKING:
    from engine.compose import Composer

FIXED: Origin = "fixed"
SWITCH = 0.0005  # seconds that a thread may keep Python's lock while others want it
VARY_DISTANCE = 0.45  # of the latents that vary tries, in units of the prior


class Engine:
    """One for a process. `models` is looked in before the shipped weights; `tuned` holds what tuning made.
    `fine_tuned`: a fine-tuned model in force there writes in place of the shipped one.

    `workers` requests are written side by side, at most `queue` are accepted, each for `deadline` seconds
    at most, on `cores` cores. Servers take turns (`on_behalf_of`). `compiled`: where what is compiled for
    this machine may be kept, if not beside its source.
    Raises PromptBroken.
    """

    def __init__(
        self,
        *,
        models: Path | None = None,
        tuned: Path | None = None,
        prompts: Path | None = None,
        workers: int = 32,
        queue: int = 512,
        deadline: float = 30.0,
        book: bool = True,
        fine_tuned: bool = False,
        cores: int = 2,
        compiled: Path | None = None,
    ) -> None:
        heap.share()
        self.tasks: dict[str, Task] = load_tasks(prompts)
        self._models, self._tuned, self._book = models, tuned, book
        self._fine_tuned, self._cores = fine_tuned, cores
        if compiled is not None:
            native.keep_in(compiled)
        self._workers = Workers(workers, queue, deadline)
        # Reading is quick and comes first: somebody in danger does not wait behind poems.
        self._readers = Workers(1, 4 * queue, deadline)
        self._composer: Composer | None = None
        self._loading = False
        self._lock = threading.Lock()

    @property
    def model_names(self) -> list[str]:
        """The checkpoints that the tasks ask for."""
        return sorted(frozenset[str]().union(*(task.models for task in self.tasks.values())) - {"extract"})

    @property
    def compiled(self) -> bool:
        """Whether what writes is, or would be, compiled for this machine; torch alone takes three times as
        long."""
        return native.possible()

    def check(self) -> None:
        """Raises SetupError when a model that a task needs is not there. Loads nothing."""
        for name in self.model_names:
            folder_of(name, self._models)

    async def start(self) -> None:
        """Loads every model on a worker thread, so that the first reply comes quickly."""
        # The event loop and the batch are short of Python's lock for moments only, if others give it up soon.
        sys.setswitchinterval(SWITCH)
        self._loading = True
        try:
            for workers in (self._workers, self._readers):
                await asyncio.to_thread(workers.begin)
            await self._workers.run(self._load_all, patient=True)
        finally:
            self._loading = False

    async def close(self) -> None:
        await self._readers.close()
        await self._workers.close()

    async def __aenter__(self) -> Engine:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def write(self, request: Request) -> Reply:
        """The reply to a request. Raises BadInput, Busy, SetupError or NothingGood."""
        prepared = await self._readers.run(lambda: self._prepare(request))
        if isinstance(prepared, Reply):
            return prepared
        if self._loading:
            raise Loading()
        return await self._workers.run(lambda: self._load().compose(*prepared))

    def write_now(self, request: Request) -> Reply:
        """The same, in the calling thread."""
        prepared = self._prepare(request)
        return prepared if isinstance(prepared, Reply) else self._load().compose(*prepared)

    async def vary(self, request: Request, reply: Reply) -> Reply:
        """A text near `reply`: the same request, latents around its latent. Raises as `write` does."""
        prepared = await self._readers.run(lambda: self._prepare(request))
        if isinstance(prepared, Reply):
            return prepared
        if self._loading:
            raise Loading()
        decoding = dict(reply.decoding)
        decoding.pop("choice", None)  # nothing is drawn anew
        if reply.latent:
            decoding |= {"near": list(reply.latent), "distance": VARY_DISTANCE, "book": False}
        return await self._workers.run(lambda: self._load().compose(*prepared, decoding=decoding))

    def replay(self, request: Request, reply: Reply) -> Reply:
        """Write `reply` again from its request: every draft, bit for bit. Raises AnotherModel, NoCompiler."""
        if reply.origin == FIXED:
            return reply
        prepared = self._prepare(dataclasses.replace(request, seed=reply.seed))
        return prepared if isinstance(prepared, Reply) else self._load().compose(*prepared, again=reply)

    async def summarize(
        self, messages: Sequence[Message], *, points: int = 5, characters: int | None = None
    ) -> Summary:
        """Raises NothingToSummarize, Busy."""
        return await self._workers.run(
            lambda: self.summarize_now(messages, points=points, characters=characters)
        )

    def summarize_now(
        self, messages: Sequence[Message], *, points: int = 5, characters: int | None = None
    ) -> Summary:
        from engine.summarize import summarize

        if not any(message.text.strip() for message in messages):
            raise NothingToSummarize()
        return summarize(messages, points=points, characters=characters, encode=self._load().latents())

    def status(self) -> dict[str, Any]:
        """Models with hashes and whether they are loaded, requests waiting, the reward model in force."""
        loaded = self._composer.loaded() if self._composer else {}
        models = {}
        for name in self.model_names:
            models[name] = {"hash": loaded.get(name, ""), "loaded": name in loaded}
        return {
            "models": models,
            "reward_model": current(self._tuned, "reward") if self._tuned else "",
            "waiting": self._workers.waiting,
            "queue": self._workers.size,
            "workers": self._workers.count,
            "book": self._book,
        }

    def _prepare(self, request: Request) -> Reply | tuple[Task, Request, int]:
        """Danger first: before a request is even validated, so that no long text slips by."""
        from engine import danger

        request = dataclasses.replace(
            request,
            text=text.clean(request.text),
            context=tuple(text.clean(turn) for turn in request.context),
        )
        task = self.tasks.get(request.task)
        if task is None or task.source != "text":
            known = ", ".join(name for name, one in self.tasks.items() if one.source == "text")
            raise UnknownTask(task=request.task, known=known)
        asked = "\n".join([request.text, *request.options.values()])
        intent = danger.recognise(asked, request.context)
        seed = secrets.randbits(53) if request.seed is None else request.seed
        if intent is not None:
            return self._fixed(task, danger.answer(intent, request.locale), intent, seed)
        return task, task.validate(request), seed

    def _fixed(self, task: Task, words: str, intent: str, seed: int) -> Reply:
        draft = Draft(words, "", FIXED, (), 0.0, {}, 1.0)
        return Reply(
            generation=f"fixed{secrets.token_hex(8)}",
            task=task.name,
            text=words,
            origin=FIXED,
            model=FIXED,
            seed=seed,
            decoding={"intent": intent},
            drafts=(draft,),
            chosen=0,
            novelty=0.0,
        )

    def _load(self) -> Composer:
        with self._lock:
            if self._composer is None:
                from engine.compose import Composer

                self._composer = Composer(
                    self._models,
                    self._tuned,
                    use_book=self._book,
                    fine_tuned=self._fine_tuned,
                    cores=self._cores,
                )
            return self._composer

    def _load_all(self) -> None:
        from engine import danger

        danger.recognise("你好")
        composer = self._load()
        for name in self.model_names:
            composer.warm(name)
        heap.settle()

    def model_hashes(self) -> dict[str, str]:
        """Hashes of the checkpoints that would be loaded, read from their files. Raises ModelMissing."""
        return {name: hash_of(folder_of(name, self._models)) for name in self.model_names}
