"""How parallel two lines are, by embeddings that are made up so that the answer is known."""

from __future__ import annotations

import torch

from engine.facing import SHARED, Facing

CHARACTERS = ["", *"春秋风雨山水人心"]


def made() -> Facing:
    """Neighbours (春秋, 风雨, 山水, 人心) are alike, and all of them share large directions."""
    draw = torch.Generator().manual_seed(1)
    kinds = torch.randn(4, 40, generator=draw).repeat_interleave(2, dim=0)
    shared = torch.randn(8, SHARED, generator=draw) @ torch.randn(SHARED, 40, generator=draw) * 20
    noise = 0.05 * torch.randn(8, 40, generator=draw)
    return Facing(torch.cat([torch.zeros(1, 40), kinds + shared + noise]), CHARACTERS)


def test_alike_characters_face_each_other() -> None:
    facing = made()
    assert facing.cosine("春风山", "秋雨水") > 0.5 > 0.1 > facing.cosine("春风山", "人春雨")
    assert facing.score([("春风山", "秋雨水")]) == 1.0
    assert facing.score([("春风山", "心人秋")]) == 0.0


def test_the_same_and_the_unknown_count_for_nothing() -> None:
    facing = made()
    assert facing.cosine("春春", "春x") == 0.0
    assert facing.cosine("", "") == 0.0
    assert facing.score([]) == 0.0
