"""Replies as the engine might write them, for tests that keep and judge them."""

from __future__ import annotations

from typing import Any

from engine.journal import Place
from engine.values import Draft, Reply

HERE = Place("discord", guild="900001", channel="800002")
WORDS = "我的钥匙藏在花盆底下"  # what a member wrote; must be nowhere once erased


def draft(text: str = "云来云去", own_text: str | None = None, **more: Any) -> Draft:
    values: dict[str, Any] = {
        "origin": "generated",
        "latent": (0.1, -2.5e-7),
        "log_probability": -31.25,
        "scores": {"fluency": 1 / 3},
        "score": 0.7,
    }
    return Draft(text=text, own_text=text if own_text is None else own_text, **{**values, **more})


def reply(generation: str = "g1", text: str = "云来云去", **more: Any) -> Reply:
    values: dict[str, Any] = {
        "task": "chat",
        "text": text,
        "origin": "generated",
        "model": "talk@0123456789ab",
        "seed": 7,
        "decoding": {"temperature": 0.8},
        "drafts": (draft(text),),
        "chosen": 0,
    }
    return Reply(generation=generation, **{**values, **more})
