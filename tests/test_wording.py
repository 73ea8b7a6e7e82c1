"""The words of bot/wording.py: none missing, both languages say the same fields."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator

import pytest

from bot import wording
from engine import errors
from engine.verse import RELAXATION, RULES

EXAMPLE = {"seconds": 30.0}


def every_error(kind: type[errors.MoyouError] = errors.MoyouError) -> Iterator[type[errors.MoyouError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from every_error(child)


def fields_of(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def has_han(text: str) -> bool:
    return re.search("[\u4e00-\u9fff]", text) is not None


@pytest.mark.parametrize("kind", list(every_error()), ids=lambda kind: kind.__name__)
def test_every_error_code_has_words_of_its_own_in_both_languages(kind: type[errors.MoyouError]) -> None:
    chinese, english = wording._ERRORS[kind.code]
    assert fields_of(chinese) == fields_of(english) == fields_of(kind.sentence)
    error = kind(**{name: EXAMPLE.get(name, f"<{name}>") for name in fields_of(kind.sentence)})
    for locale in ("zh-CN", "zh-TW", "en-US"):
        said = wording.sentence_of(error, locale)
        assert has_han(said) == (locale != "en-US")
        assert "{" not in said
        assert all(f"<{name}>" in said for name in fields_of(chinese) - EXAMPLE.keys())


def test_no_row_is_for_a_code_that_does_not_exist() -> None:
    assert set(wording._ERRORS) == {kind.code for kind in every_error()}


@pytest.mark.parametrize("key", sorted(wording._WORDS))
def test_every_key_is_said_in_both_languages_with_the_same_fields(key: str) -> None:
    chinese, english = wording._WORDS[key]
    assert chinese
    assert english
    assert fields_of(chinese) == fields_of(english)
    assert not has_han(re.sub(r"\{[^}]*\}|墨友", "", english)) or key.startswith(("verse.", "locale."))


@pytest.mark.parametrize(("prefix", "names"), [("rule", RULES), ("relaxed", RELAXATION)])
def test_every_rule_of_verse_has_words_and_no_words_are_for_a_rule_that_is_none(
    prefix: str, names: tuple[str, ...]
) -> None:
    head = f"verse.{prefix}."
    assert {key.removeprefix(head) for key in wording._WORDS if key.startswith(head)} == set(names)


def test_the_same_name_says_other_things_as_a_problem_and_as_what_was_given_up() -> None:
    # a rhyme word used twice is a problem; any character used twice is only given up
    assert "韵" in wording.say("verse.rule.repeat")
    assert "韵" not in wording.say("verse.relaxed.repeat")
    assert "读音" in wording.say("verse.rule.character")
    assert "读音" in wording.say("verse.relaxed.character")


def test_traditional_is_derived_and_fields_are_left_alone() -> None:
    said = wording.sentence_of(errors.UnknownTask(task="诗词", known="国学"), "zh-TW")
    assert "任務" in said
    assert "诗词" in said
    assert "国学" in said


def test_a_foreign_exception_is_said_without_its_own_words() -> None:
    assert "secret" not in wording.sentence_of(ValueError("secret"), "en")


@pytest.mark.parametrize(
    ("text", "locale"),
    [
        ("你好", "zh-CN"),
        ("hello 你", "zh-CN"),
        ("hello", "en"),
        ("bonjour", "en"),
        ("😀 42", "zh-CN"),
        ("", "zh-CN"),
        ("𠮷", "zh-CN"),
        ("頭髮白了", "zh-TW"),
        ("台灣的里長", "zh-TW"),
        ("头发白了，乾", "zh-CN"),
    ],
)
def test_language_of_a_text(text: str, locale: str) -> None:
    assert wording.language_of(text, otherwise="zh-CN") == locale


def test_of_a_long_text_the_beginning_tells() -> None:
    assert wording.language_of("a" * (wording.READ - 1) + "你") == "zh-CN"
    assert wording.language_of("a" * wording.READ + "你") == "en"


def test_what_both_scripts_share_is_answered_in_the_script_that_stands_otherwise() -> None:
    assert wording.language_of("你好", "zh-TW") == "zh-TW"
    assert wording.language_of("你好", "zh-HK") == "zh-TW"
    assert wording.language_of("你好", "en") == "zh-CN"
    assert wording.language_of("请说", "zh-TW") == "zh-CN"


@pytest.mark.parametrize(
    ("locale", "mine"),
    [
        ("zh-CN", "zh-CN"),
        ("zh-TW", "zh-TW"),
        ("zh-HK", "zh-TW"),
        ("en-GB", "en"),
        ("fr", "en"),
        ("zh", "zh-CN"),
    ],
)
def test_locales_map_to_our_languages(locale: str, mine: str) -> None:
    assert wording.language(locale) == mine


def test_half_a_character_breaks_neither_the_guess_of_a_language_nor_a_conversion() -> None:
    assert wording.language_of("\ud800月亮") == "zh-CN"
    assert wording.in_characters_of("头\udfff发", "zh-TW") == "頭\ufffd發"


@pytest.mark.parametrize("locale", ["zh-CN", "zh-TW", "en"])
def test_our_own_sentences_are_told_from_what_holds_others_words(locale: str) -> None:
    sentence = wording.say("failure.unexpected", locale)
    noted = wording.say("failure.reference", locale, sentence=sentence, reference="0A1B2C")
    assert wording.is_own(sentence)
    assert wording.is_own(noted)
    assert not wording.is_own(f"{sentence}我的秘密")
    assert not wording.is_own("我的秘密")
    assert not wording.is_own(
        wording.say("failure.reference", locale, sentence="我的秘密", reference="0A1B2C")
    )
