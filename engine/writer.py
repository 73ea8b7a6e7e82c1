"""The Engine: what `bot` and the command line talk to.

Knows: tasks, the order danger → validate → queue → compose, replays, summaries.
Does not know: Discord, the web, storage. It imports no numeric library until something is written.
"""

from __future__ import annotations

import asyncio
import dataclasses
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine import text
from engine.errors import NothingToSummarize, UnknownTask
from engine.prompt import load_tasks
from engine.task import Task
from engine.tuned import current
from engine.values import Draft, Message, Origin, Reply, Request, Summary
from engine.weights import folder_of, hash_of
from engine.workers import Workers

if TYPE_CHECKING:
    from engine.compose import Composer

FIXED: Origin = "fixed"


class Engine:
    """One for a process. `models` is looked in before the shipped weights; `tuned` holds what tuning made.

    `workers` threads write, at most `queue` requests wait, each for `deadline` seconds at most.
    Raises PromptBroken.
    """

    def __init__(
        self,
        *,
        models: Path | None = None,
        tuned: Path | None = None,
        prompts: Path | None = None,
        workers: int = 1,
        queue: int = 64,
        deadline: float = 30.0,
        book: bool = True,
    ) -> None:
        self.tasks: dict[str, Task] = load_tasks(prompts)
        self._models, self._tuned, self._book = models, tuned, book
        self._workers = Workers(workers, queue, deadline)
        self._composer: Composer | None = None

    def check(self) -> None:
        """Raises SetupError when a model that a task needs is not there. Loads nothing."""
        for name in sorted({task.model for task in self.tasks.values()} - {"extract"}):
            folder_of(name, self._models)

    async def start(self) -> None:
        """Loads every model on a worker thread, so that the first reply comes quickly."""
        await self._workers.run(self._load_all, patient=True)

    async def close(self) -> None:
        await self._workers.close()

    async def __aenter__(self) -> Engine:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def write(self, request: Request) -> Reply:
        """The reply to a request. Raises BadInput, Busy, SetupError or NothingGood."""
        prepared = await asyncio.to_thread(self._prepare, request)
        if isinstance(prepared, Reply):
            return prepared
        task, ready, seed = prepared
        return await self._workers.run(lambda: self._load().compose(task, ready, seed))

    def write_now(self, request: Request) -> Reply:
        """The same, in the calling thread."""
        prepared = self._prepare(request)
        if isinstance(prepared, Reply):
            return prepared
        return self._load().compose(*prepared)

    async def vary(self, request: Request, reply: Reply) -> Reply:
        """A text near `reply`: the same request, latents around its latent. Raises as `write` does."""
        from engine.compose import VARY_DISTANCE

        prepared = await asyncio.to_thread(self._prepare, request)
        if isinstance(prepared, Reply):
            return prepared
        task, ready, seed = prepared
        decoding = dict(reply.decoding)
        if reply.latent:
            decoding |= {"near": list(reply.latent), "distance": VARY_DISTANCE}
        return await self._workers.run(lambda: self._load().compose(task, ready, seed, replayed=decoding))

    def replay(self, request: Request, reply: Reply) -> Reply:
        """Write `reply` again from its request: the same draft, bit for bit, given the same weights."""
        if reply.origin == FIXED:
            return reply
        prepared = self._prepare(dataclasses.replace(request, seed=reply.seed))
        if isinstance(prepared, Reply):
            return prepared
        task, ready, seed = prepared
        again = self._load().compose(task, ready, seed, replayed=reply.decoding, chosen=reply.chosen)
        return dataclasses.replace(again, generation=reply.generation)

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
        return summarize(messages, points=points, characters=characters)

    def status(self) -> dict[str, Any]:
        """Models with hashes and whether they are loaded, requests waiting, the reward model in force."""
        loaded = self._composer.loaded() if self._composer else {}
        models = {}
        for name in sorted({task.model for task in self.tasks.values()} - {"extract"}):
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
        if self._composer is None:
            from engine.compose import Composer

            self._composer = Composer(self._models, self._tuned, use_book=self._book)
        return self._composer

    def _load_all(self) -> None:
        from engine import danger

        danger.recognise("你好")
        composer = self._load()
        for name in sorted({task.model for task in self.tasks.values()} - {"extract"}):
            composer.warm(name)

    def model_hashes(self) -> dict[str, str]:
        """Hashes of the checkpoints that would be loaded, read from their files."""
        names = sorted({task.model for task in self.tasks.values()} - {"extract"})
        return {name: hash_of(folder_of(name, self._models)) for name in names}
