"""The console's pages for whoever looks after Moyou: report, review, models, prompts, settings, privacy."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from bot.console.manage import settings_rows
from bot.settings import DEFAULTS, Settings, Shards
from bot.wording import say
from engine import Journal, tuned
from engine.backups import back_up
from engine.tuned import CurrentReward
from tests.console_fakes import Served, Visitor, served, visiting
from tests.replies import WORDS
from tests.test_feedback_command import fill, reviews
from tests.test_tuned import make

PAGES = ("/journal", "/report", "/review", "/reports", "/models", "/prompts", "/settings", "/privacy")


@pytest_asyncio.fixture
async def place(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path, data=tmp_path) as one:
        await one.journal(fill, "1", "2", 6)
        yield one


@pytest_asyncio.fixture
async def visitor(place: Served) -> AsyncIterator[Visitor]:
    async with visiting(place.address) as one:
        await one.get("/")
        yield one


@pytest.mark.parametrize("path", [*PAGES, "/prompts/post"])
@pytest.mark.parametrize("language", ["zh-CN", "zh-TW", "en"])
async def test_every_page_opens_in_every_language_and_says_where_one_is(
    place: Served, path: str, language: str
) -> None:
    async with visiting(place.address, language) as visitor:
        assert (await visitor.get(path)).status == 200
        assert visitor.page.count('aria-current="page"') == 2
        assert WORDS not in visitor.page
        assert f'<html lang="{language}">' in visitor.page


async def test_the_report_has_its_numbers_in_tables(place: Served, visitor: Visitor) -> None:
    await visitor.get("/report")
    assert "119 个评价，7 人：喜欢 56，不喜欢 63" in visitor.page
    assert '<th scope="row">聊天</th><td class="number">89%</td>' in visitor.page
    assert '<img src="/report.svg" alt="' in visitor.page
    label = await place.journal(lambda journal: journal._hash("channel", "2")[:8])
    assert f'<th scope="row">频道 {label}</th>' in visitor.page
    assert visitor.page.count('<th scope="row">频道 ') == 2


async def test_the_picture_is_an_svg_that_reaches_nothing(visitor: Visitor) -> None:
    pytest.importorskip("matplotlib")
    answer = await visitor.get("/report.svg")
    assert answer.content_type == "image/svg+xml"
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "聊天" in visitor.page
    assert "大家喜欢什么" in visitor.page
    assert "频道 " in visitor.page


@pytest.mark.parametrize(("format", "lines"), [("kto", 119), ("dpo", 1), ("csv", 21)])
async def test_an_export_comes_with_its_card(visitor: Visitor, format: str, lines: int) -> None:
    async with visitor.session.get(f"/export/{format}") as answer:
        packed = zipfile.ZipFile(io.BytesIO(await answer.read()))
    names = sorted(packed.namelist())
    assert names[1] == f"{names[0]}.md"
    assert len(packed.read(names[0]).decode().splitlines()) == lines
    assert "rule 21" in packed.read(names[1]).decode()
    assert (await visitor.get("/export/xml")).status == 404


async def test_a_review_is_noted_taken_back_and_the_next_one_comes(place: Served, visitor: Visitor) -> None:
    await visitor.get("/review")
    assert "第1条" in visitor.page
    assert "有人举报" in visitor.page
    assert "很不好" in visitor.page
    form = {"generation": "g01", "verdict": "bad", "words": "换我会写短些", "skip": "0"}
    await visitor.post("/review", {**form, "reason": "dull"})
    assert "记下了：不好。" in visitor.page
    assert "第0条□" in visitor.page
    assert await place.journal(reviews) == [("g01", -1.0, "bad,dull\n换我会写短些")]
    await visitor.get("/review?skip=1")
    assert "第2条" in visitor.page
    await visitor.post("/review", {"generation": "g01", "verdict": "back", "skip": "0"})
    assert "收回了。" in visitor.page
    assert "第1条" in visitor.page
    assert not [s for s in await place.journal(Journal.signals) if s.kind == "review"]
    assert (await visitor.post("/review", {"generation": "g01", "verdict": "fine"})).status == 400
    assert (await visitor.post("/review", {"generation": "gone", "verdict": "good"})).status == 403
    await visitor.get("/review?skip=999")
    assert "没有要复核的了" in visitor.page


async def test_models_are_listed_compared_promoted_and_rolled_back(
    tmp_path: Path, place: Served, visitor: Visitor
) -> None:
    await visitor.get("/models")
    assert "python -m engine tune" in visitor.page
    first, second = (make(tmp_path / "models", seed) for seed in range(2))
    for number, version in enumerate((first, second)):
        gain = {"value": 0.02 + number / 100, "low": 0.01, "high": 0.05}
        report = {"parent": "", "judgements": 90, "people": 8, "since": 1e9, "until": 1.1e9}
        tuned.write_report(
            tmp_path / "models" / "reward" / version,
            {**report, "over_nothing": gain, "deep": {"snips": gain}},
        )
    running = CurrentReward(tmp_path / "models")
    assert (await visitor.post("/models/rollback", {"model": "reward"})).status == 409
    assert "没有更早的版本可以退回" in visitor.page
    await visitor.get("/models")
    assert "90 个评价，8 人 · 2001-09-09 到 2004-11-09" in visitor.page
    assert "+0.030（95% 区间 +0.010 到 +0.050）" in visitor.page
    await visitor.post("/models/promote", {"version": f"reward/{first}"})
    assert "在用" in visitor.page
    assert running.hash == first
    await visitor.post("/models/promote", {"version": f"reward/{second}"})
    await visitor.post("/models/rollback", {"model": "reward"})
    assert running.hash == first
    await visitor.get(f"/models?first=reward/{first}&second=reward/{second}")
    assert '<th scope="row"><code>judgements</code></th><td>90</td><td>90</td>' in visitor.page
    assert "<code>deep.snips</code></th><td>+0.020 (+0.010 to +0.050)</td>" in visitor.page
    for name in ("reward/none", "../x/y", ""):
        assert (await visitor.post("/models/promote", {"version": name})).status == 404
        assert str(tmp_path) not in visitor.page
    assert running.hash == first


async def test_a_live_test_is_begun_and_shown_and_one_runs_at_a_time(
    tmp_path: Path, place: Served, visitor: Visitor
) -> None:
    models = tmp_path / "models"
    first, second, third = (make(models, seed) for seed in range(3))
    tuned.promote(models, "reward", first)
    await visitor.get("/models")
    assert "对 reward/" not in visitor.page
    assert visitor.page.count('action="/models/trial"') == 2, "not against itself"
    await visitor.post("/models/trial", {"version": f"reward/{second}"})
    assert f"reward/{second} 对 reward/{first}" in visitor.page
    assert 'action="/models/trial"' not in visitor.page
    assert (await visitor.post("/models/trial", {"version": f"reward/{third}"})).status == 409
    assert f"reward/{second} 正在现场比试" in visitor.page
    assert (await visitor.post("/models/trial", {"version": "decoding/x"})).status == 404
    await visitor.post("/models/promote", {"version": f"reward/{second}"})
    assert "对 reward/" not in visitor.page
    assert visitor.page.count('action="/models/trial"') == 2


async def test_a_prompt_is_tried_and_nothing_is_recorded(place: Served, visitor: Visitor) -> None:
    before = (await place.journal(Journal.counts)).generations
    await visitor.get("/prompts/post")
    assert "&lt;post&gt;" in visitor.page
    await visitor.post("/prompts/post", {"topic": "雨天"})
    assert "雨天!" in visitor.page
    await visitor.part("/prompts/post", {"topic": "晴天"})
    assert "晴天!" in visitor.page
    assert "/opinion" not in visitor.page
    assert (await place.journal(Journal.counts)).generations == before
    assert (await visitor.get("/prompts/none")).status == 404
    assert (await visitor.post("/prompts/summary", {})).status == 400


def test_every_setting_is_shown_as_one_writes_it_and_no_secret_is() -> None:
    for locale in ("zh-CN", "en"):
        rows = settings_rows(Settings(), locale)
        assert [row[0] for row in rows] == list(DEFAULTS)
        assert all(unchanged for *_, unchanged in rows)
        shown = {name: value for name, value, *_ in rows}
        secrets = {"DISCORD_TOKEN", "MOYOU_CONSOLE_TOKEN"}
        assert {name: shown[name] for name in DEFAULTS if name not in secrets} == {
            name: default for name, default in DEFAULTS.items() if name not in secrets
        }
    chosen = Settings(
        discord_token="geheim-1", console_token="geheim-2", shards=Shards((0, 1), 4), book=False
    )
    changed = settings_rows(chosen, "en")
    assert "geheim" not in str(changed)
    assert [(name, value) for name, value, _, unchanged in changed if not unchanged] == [
        ("DISCORD_TOKEN", "(set)"),
        ("MOYOU_CONSOLE_TOKEN", "(set)"),
        ("MOYOU_BOOK", "off"),
        ("MOYOU_SHARDS", "0,1/4"),
    ]


async def test_the_privacy_page_says_what_is_kept_gives_it_and_erases_it(
    place: Served, visitor: Visitor
) -> None:
    await visitor.get("/privacy")
    assert say("privacy.mine_nothing") in visitor.page
    assert say("manage.deletions_none") in visitor.page
    await visitor.post("/chat", {"text": "我说过的话"})
    await visitor.post("/reply/fake-0001/opinion", {"value": "1"})
    await visitor.get("/privacy")
    assert "回复 1 条（连草稿 2 份）、原话 1 条、评价 1 次" in visitor.page
    assert "保留 730 天就删除" in visitor.page
    assert "备份最多留 30 天" in visitor.page
    answer = await visitor.get("/privacy/mine.json")
    assert "attachment" in answer.headers["Content-Disposition"]
    mine = json.loads(visitor.page)
    assert [row["request"]["text"] for row in mine["words"]] == ["我说过的话"]
    back_up(place.journal.path, place.journal.path.parent / "backups", 4e9)
    await visitor.post("/forget")
    assert "擦去了 1 则回复、1 次评价" in visitor.page
    assert "备份里可能还有你，最后一份在 2096-11-01 07:06 UTC 删除" in visitor.page
    await visitor.get("/privacy")
    assert say("manage.why_person") in visitor.page
    await visitor.get("/privacy/mine.json")
    assert not any(json.loads(visitor.page).values())
