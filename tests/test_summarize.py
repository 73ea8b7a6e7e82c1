"""A summary says only what somebody wrote, leaves out what was overturned, and can say that nothing was."""

import string
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import summary_units
from engine.channel_logs import read_logs
from engine.summarize import choose, summarize
from engine.summary_bench import sources_of
from engine.summary_overturned import outcomes
from engine.summary_signals import Terms
from engine.summary_training import TrainingLog, fit_only_scorer, held_out
from engine.values import Message

WRITTEN = Path(__file__).resolve().parents[2] / "shared" / "data" / "written"


def log(*lines: str) -> list[Message]:
    """Messages from "author: text" lines, a minute apart; "author>3: text" replies to message 3."""
    messages = []
    for number, line in enumerate(lines, start=1):
        head, text = line.split(": ", 1)
        author, _, reply = head.partition(">")
        messages.append(Message(str(number), author, text, float(number), reply or None))
    return messages


MEETING = log(
    "阿宁: 大家早",
    "老周: 早早早",
    "阿宁: 这周的读书会定在哪天？",
    "老周: 周六下午三点，还在老地方青木茶社",
    "小满: 哈哈哈哈我又要迟到了",
    "阿宁: 更正：青木茶社周六包场，改到周日下午三点",
    "老周: 好",
    "小满: 报名截止周五晚上十点，最多十六个人",
    "路人: 😂😂😂",
    "老周: 我负责带投影仪和两本样书",
    "小满: https://example.org/a",
    "阿宁: !roll 6",
)


def is_found(point_text: str, sources: Sequence[str], messages: Sequence[Message]) -> bool:
    texts = {message.id: message.text for message in messages}
    return point_text in " ".join(texts[source].strip() for source in sources)


def test_points_carry_the_decisions_in_order_of_time() -> None:
    summary = summarize(MEETING, points=3)
    text = " ".join(point.text for point in summary.points)
    assert not summary.quiet
    assert "改到周日下午三点" in text
    assert "十点" in text
    for topic in summary.topics:
        order = [int(point.sources[0]) for point in topic.points]
        assert order == sorted(order)
    assert tuple(point for topic in summary.topics for point in topic.points) == summary.points
    assert summary.messages == len(MEETING)
    assert summary.title


def test_what_people_reacted_to_comes_first_but_noise_stays_noise() -> None:
    even = [*MEETING, *log("小满: 报名表贴在公告栏第二格，名字和电话都要写")]
    even = [replace(message, id=str(place)) for place, message in enumerate(even, 1)]

    def first(liked: str) -> set[str]:
        heard = [replace(one, reactions=30 if one.id == liked else 0) for one in even]
        return {source for point in summarize(heard, points=1).points for source in point.sources}

    ordinary = first("")
    others = [one for one in ("6", "8", "10", "13") if one not in ordinary]
    assert any(first(one) == {one} for one in others)
    assert first("5") == first("9") == ordinary  # laughter, with thirty reactions


def test_reactions_make_no_news_of_idle_chatter() -> None:
    chatter = [
        replace(one, reactions=50, replies=9) for one in log("a: 哈哈哈", "b: 早", "d: 吃了吗", "e: 晚安")
    ]
    assert summarize(chatter).quiet


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("what are we playing. I vote Lantern Thieves, the box is at my place", ""),
        ("ok, eight then, at the north gate with the tickets", "decision"),
        ("那就八点，都在北门集合", "decision"),
    ],
)
def test_a_wish_is_no_decision(text: str, kind: str) -> None:
    messages = log(
        "阿宁: 周末去西岭爬山的一共九个人，坐早班车",
        "老周: 门票每人四十五块，带身份证",
        f"石头: {text}",
        "小满: 收到",
    )
    kinds = {point.sources[-1]: point.kind for point in summarize(messages, points=12).points}
    assert kinds["3"] == kind


def test_what_was_overturned_is_no_point() -> None:
    summary = summarize(MEETING, points=8)
    assert all("4" not in point.sources for point in summary.points)


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("海盐要放200克，别忘了，先腌一晚上", "更正一下，海盐不是200克，是20克，腌一晚上"),
        ("聚餐时间是18:00，在河边餐馆，一共12个人", "聚餐改到19:30，还是河边餐馆，12个人不变"),
        ("the meetup is at 13:00 at the Tin Heron", "correction: the Tin Heron meetup is 15:00, not 13:00"),
        (
            "release 4.2 ships friday with the new sync",
            "release 4.2 moved to monday, friday is off, sync is late",
        ),
    ],
)
def test_a_correction_takes_the_place_of_what_it_corrects(wrong: str, right: str) -> None:
    messages = log(
        f"a: {wrong}", "b: 收到，那我去通知其他人准备材料", f"a: {right}", "c: the budget is 3450 in total"
    )
    summary = summarize(messages, points=4)
    sources = {source for point in summary.points for source in point.sources}
    assert "1" not in sources
    assert "3" in sources


@pytest.mark.parametrize(
    "messages",
    [
        log("a: 哈哈哈", "b: 早", "c: 😂", "d: 吃了吗", "e: 晚安"),
        log("a: lol", "b: good morning", "c: brb", "d: 👍👍"),
        log("a: https://example.org/1", "b: https://example.org/2"),
        log("a: !play song", "b: /poem 秋", "a: .help"),
        log(*["spammer: buy buy buy"] * 50),
        log("a: ", "b:  "),
        [],
    ],
)
def test_idle_chatter_is_called_quiet(messages: list[Message]) -> None:
    summary = summarize(messages)
    assert summary.quiet
    assert summary.points == ()


ANY_TEXT = st.one_of(
    st.text(max_size=40),
    st.sampled_from([m.text for m in MEETING]),
    st.text(alphabet=string.ascii_letters + " .。，0123456789周定改", min_size=20, max_size=400),
)
MESSAGES = st.lists(
    st.tuples(st.sampled_from("甲乙丙"), ANY_TEXT, st.integers(0, 3), st.integers(0, 30)), max_size=25
)


@settings(max_examples=40, deadline=None)
@given(MESSAGES, st.integers(1, 8))
def test_every_point_stands_in_its_sources(rows: list[tuple[str, str, int, int]], points: int) -> None:
    minute = 0
    messages = []
    for number, (author, text, pause, reply) in enumerate(rows):
        minute += pause
        messages.append(Message(str(number), author, text, minute, str(reply) if reply < number else None))
    summary = summarize(messages, points=points)
    assert len(summary.points) <= points
    for point in summary.points:
        assert is_found(point.text, point.sources, messages)
        assert point.author in "甲乙丙"
    assert summary == summarize(messages, points=points)


@settings(max_examples=30, deadline=None)
@given(st.integers(10, 300))
def test_a_budget_of_characters_is_kept(characters: int) -> None:
    summary = summarize(MEETING, characters=characters)
    assert sum(len(point.text) for point in summary.points) <= characters


def test_an_article_is_summarised_by_its_sentences() -> None:
    article = (
        "研究人员发现，城市里的树木能让夏天的街道平均降温三度。这项研究在五个城市进行了两年，一共测量了四百条街。"
        "降温最明显的是梧桐和榕树，它们的树冠大，叶子密。不过树木也需要水，研究建议优先种在有积水的地方。"
        "市政府表示，明年春天会在三十条街上种下两千棵树，预算是八百万元。居民可以在网上提出自己的街道。"
    )
    summary = summarize([Message("1", "报纸", article)], points=2)
    assert len(summary.points) == 2
    assert all(point.text in article and point.sources == ("1",) for point in summary.points)


def test_fragments_of_one_author_are_joined() -> None:
    messages = log("a: 桌子他们出", "a: 所以摊位费降到10块，卖旧书的不收")
    assert [unit.messages for unit in summary_units.units(messages)] == [(0, 1)]
    apart = log("a: 桌子他们出", "b: 真的？", "a: 所以摊位费降到10块")
    assert len(summary_units.units(apart)) == 3


def test_an_encoder_is_one_more_view() -> None:
    asked: list[int] = []

    def encode(texts: Sequence[str]) -> np.ndarray:
        asked.append(len(texts))
        return np.array([[len(text), text.count("三"), 1.0] for text in texts])

    summary = summarize(MEETING, points=3, encode=encode)
    assert asked
    assert len(summary.points) == 3


def test_hostile_input_gets_an_honest_summary() -> None:
    words = [Message(str(n), "a", "x" * 4000 + str(n), n) for n in range(3)]
    for point in summarize([*words, *MEETING], points=5).points:
        assert len(point.text) <= summary_units.LONGEST
    spam = [Message(f"s{n}", "spammer", "BUY NOW 50% OFF today only", n) for n in range(300)]
    chosen = summarize([*MEETING, *spam], points=5).points
    assert sum(point.author == "spammer" for point in chosen) <= 1


def test_half_characters_are_replaced_wherever_they_stand() -> None:
    broken = [
        Message(f"b{n}", "a\udfff", f"定了\ud83d周五下午{n}点集合，带上雨伞", n + 0.5) for n in range(3, 6)
    ]
    summary = summarize([*MEETING, *broken], points=12)
    assert any("定了�周五" in point.text and point.author == "a�" for point in summary.points)
    for point in summary.points:
        assert (point.text + point.author + summary.title).encode()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ok LOOOL that works", "ok  that works"),
        ("哈哈哈 定了", "定了"),
        ("see <@123456789012345678> at https://example.org/x now", "see  at  now"),
        ("at 5:30 :party: we meet", "at 5:30  we meet"),
        ("Ahahaha hello", "A hello"),
    ],
)
def test_what_is_said_without_links_mentions_and_laughter(text: str, said: str) -> None:
    assert summary_units.words_of(text) == said


def test_the_sparse_matrix_agrees_with_a_dense_one() -> None:
    terms = Terms(["苹果 梨 apple", "苹果 桃子", "banana apple pie"])
    dense = np.zeros((3, len(terms.words)))
    dense[terms.rows, terms.columns] = terms.values
    for row in range(3):
        assert terms.similar(row) == pytest.approx(dense @ dense[row])
    vector = np.arange(len(terms.words), dtype=float)
    assert terms.dot(vector) == pytest.approx(dense @ vector)


@pytest.mark.skipif(not WRITTEN.exists(), reason="the written data is not here")
def test_held_out_recall_on_annotated_channels() -> None:
    logs = [
        TrainingLog(log)
        for name in ("channel-zh.jsonl", "channel-en.jsonl")
        for log in read_logs(WRITTEN / name)
    ]
    fitted = held_out(logs, fit_only_scorer)
    chosen = {
        one.log.name: sources_of(
            summarize(one.messages, characters=one.log.budget, scorer=fitted[one.log.name].scorer)
        )
        for one in logs
    }
    recall = [one.log.recall(chosen[one.log.name]) for one in logs]
    noise = sum(len(chosen[one.log.name] & one.log.noise) for one in logs)
    assert sum(recall) / len(recall) >= 0.75
    assert noise <= 0.04 * sum(map(len, chosen.values()))


def test_a_proposal_waits_for_what_came_of_it() -> None:
    messages = log(
        "甲: 我想周六下午三点在河边公园办读书会，带上垫子和水",
        "乙: 河边公园那天有比赛，地方不够",
        "丙: 读书会定在周日上午十点，图书馆三楼，一共十六个位置",
    )
    found = summary_units.units(messages)
    worth = np.array([0.9, 0.4, 0.8])
    assert outcomes(found, worth, [0, 1, 2]) == {0: 2}
    assert outcomes(found, worth, [0, 1, 2], but=[2]) == {0: 1}
    allowed = np.ones(3, bool)
    terms = Terms([unit.text for unit in found])
    assert choose(found, terms, worth, allowed, 1, None)[0] == 0
    assert choose(found, terms, worth, allowed, 1, None, corrected={0: 2}) == [2]
    assert choose(found, terms, worth, allowed, 2, None, corrected={0: 2})[0] == 2


def test_an_old_figure_is_not_the_start_of_another() -> None:
    # 1.x is not the 10 that becomes 12
    messages = log(
        "甲: 1.x用户升级前请先导出备份，否则附件可能丢失",
        "乙: 发布先推迟，10点改12点，大家别说10点了",
        "丙: 收到",
    )
    sources = {source for point in summarize(messages, points=3).points for source in point.sources}
    assert {"1", "2"} <= sources
