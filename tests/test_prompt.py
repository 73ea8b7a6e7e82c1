"""engine/prompt.py and engine/task.py: files become tasks, and a broken one is named by file, key, reason."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BadOption, EmptyText, MoyouError, PromptBroken, TextTooLong
from engine.prompt import _task, load_tasks, read_task
from engine.task import Choice, Option, Task
from engine.toml_table import Table
from engine.values import Request

POST = """
model = "talk"
condition = "<post> {topic} {mood}"
[name]
en = "post"
zh-CN = "文案"
[description]
en = "Draft a short post"
zh-CN = "写一条短文案"
[options.mood]
description.en = "How it feels"
description.zh-CN = "语气"
default = "calm"
choices = [
    {value = "calm", name = {en = "calm", zh-CN = "平静"}},
    {value = "glad", name = {en = "glad", zh-CN = "高兴"}},
]
[options.topic]
main = true
required = true
max_length = 60
description.en = "What it is about"
description.zh-CN = "写什么"
[options.length]
kind = "integer"
minimum = 1
maximum = 9
default = 3
description.en = "Sentences"
description.zh-CN = "几句"
[decoding]
temperature = 0.8
nucleus = 0.9
max_tokens = 90
drafts = 8
"""


def written(folder: Path, text: str, name: str = "post.toml") -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


@pytest.fixture
def post(tmp_path: Path) -> Task:
    return read_task(written(tmp_path, POST))


# --- the shipped files


def test_the_shipped_tasks_and_the_models_that_write_them() -> None:
    tasks = load_tasks()
    talk = dict.fromkeys(("ad", "ask", "blend", "chat", "continue", "post", "story", "vary"), "talk")
    assert {name: task.model for name, task in tasks.items()} == {
        **talk,
        "poem": "verse",
        "translate": "translate",
        "summary": "extract",
    }
    assert {name: task.dial for name, task in tasks.items() if task.dial} == {
        "vary": "vary",
        "blend": "blend",
    }
    assert [name for name, task in tasks.items() if task.private] == ["summary"]
    assert all(task.command for task in tasks.values())


def test_the_shipped_poem_takes_a_theme_or_none_and_five_or_seven_characters() -> None:
    poem = load_tasks()["poem"]
    empty = poem.validate(Request("poem"))
    assert (empty.text, poem.verse_form(empty)) == ("", "qijue")
    named = poem.validate(Request("poem", "春" * 60, {"form": "五绝"}))
    assert poem.verse_form(named) == "wujue"
    with pytest.raises(TextTooLong):
        poem.validate(Request("poem", "春" * 201))


def test_the_shipped_summary_works_on_messages_and_needs_no_text() -> None:
    summary = load_tasks()["summary"]
    assert summary.source == "messages"
    assert summary.main is None
    filled = summary.validate(Request("summary"))
    assert set(filled.options) == {"count", "hours", "since", "length", "channels", "points"}
    assert not any(filled.options.values())
    with pytest.raises(BadOption, match="2 to 10000"):
        summary.validate(Request("summary", options={"count": "10001"}))


# --- a new file is a new task


def test_a_file_becomes_a_task(tmp_path: Path, post: Task) -> None:
    assert load_tasks(tmp_path) == {"post": post}
    assert (post.name, post.model, post.source, post.command, post.private) == (
        "post",
        "talk",
        "text",
        True,
        False,
    )
    assert post.names == {"en": "post", "zh-CN": "文案"}
    assert (post.decoding.temperature, post.decoding.drafts, post.decoding.no_repeat) == (0.8, 8, 3)
    # Discord refuses an optional option before a required one, so the file's order is mended
    assert [option.name for option in post.options] == ["topic", "mood", "length"]
    mood = post.option("mood")
    assert mood is not None
    assert mood.choices[0] == Choice("calm", {"en": "calm", "zh-CN": "平静"})
    assert mood.names == {"en": "mood", "zh-CN": "mood"}


def test_folders_beside_the_tasks_are_not_tasks(tmp_path: Path, post: Task) -> None:
    (tmp_path / "fixed").mkdir()
    written(tmp_path / "fixed", "this is no task", "danger.toml")
    assert list(load_tasks(tmp_path)) == ["post"]


def test_two_tasks_may_not_share_a_command_name(tmp_path: Path) -> None:
    written(tmp_path, POST)
    written(tmp_path, POST.replace('"post"', '"other"'), "b.toml")
    with pytest.raises(PromptBroken, match=r"post\.toml: name\.zh-CN: b\.toml has the same name"):
        load_tasks(tmp_path)
    written(tmp_path, "command = false\n" + POST.replace('"post"', '"other"'), "b.toml")
    assert list(load_tasks(tmp_path)) == ["b", "post"]


# --- a broken file is reported by file, key and reason

BROKEN = {
    "syntax": ("[name]\nen = \n", "line 2, column 6", "invalid value"),
    "unclosed": ('model = "talk', "line 1", "unterminated string"),
    "unknown key": ('modle = "talk"\n' + POST, "modle", "did you mean model?"),
    "unknown table key": (POST + "temprature = 1\n", "decoding.temprature", "did you mean temperature?"),
    "unknown option key": (POST.replace("max_length", "maxlength"), "options.topic.maxlength", "max_length"),
    "no model": (POST.replace('model = "talk"', ""), "model", "it is missing"),
    "model": (POST.replace('"talk"', '"gpt"'), "model", "not one of: talk, verse, translate, extract"),
    "wrong type": (
        POST.replace("drafts = 8", 'drafts = "8"'),
        "decoding.drafts",
        "a whole number, not a string",
    ),
    "flag": (POST.replace("main = true", "main = 1"), "options.topic.main", "true or false, not an integer"),
    "boolean is no number": (POST.replace("drafts = 8", "drafts = true"), "decoding.drafts", "not a boolean"),
    "no name": (POST.replace("[name]", "[nome]"), "name", "it is missing"),
    "no locale": (POST.replace('zh-CN = "文案"', ""), "name.zh-CN", "it is missing"),
    "unknown locale": (POST.replace('zh-CN = "文案"', 'zh-cn = "文案"'), "name.zh-cn", "did you mean zh-CN?"),
    "empty": (POST.replace('"文案"', '" "'), "name.zh-CN", "it is empty"),
    "upper case": (POST.replace('"post"', '"Post"'), "name.en", "lower-case"),
    "space": (POST.replace('"post"', '"my post"'), "name.en", "lower-case"),
    "long name": (POST.replace('"post"', f'"{"p" * 33}"'), "name.en", "33 characters, Discord takes 32"),
    "long description": (
        POST.replace("Draft a short post", "d" * 101),
        "description.en",
        "101 characters, Discord takes 100",
    ),
    "placeholder": (POST.replace("{mood}", "{moot}"), "condition", "{moot} is no option"),
    "attribute": (POST.replace("{mood}", "{mood.x}"), "condition", "{mood.x} is no option"),
    "conversion": (POST.replace("{mood}", "{mood!r}"), "condition", "{mood!r} is no option"),
    "brace": (POST.replace("{mood}", "{mood"), "condition", "braces"),
    "no condition": (POST.replace("condition", "#"), "condition", "it is missing"),
    "nucleus 0": (POST.replace("nucleus = 0.9", "nucleus = 0.0"), "decoding.nucleus", "above 0, at most 1"),
    "nucleus 2": (POST.replace("nucleus = 0.9", "nucleus = 1.01"), "decoding.nucleus", "above 0, at most 1"),
    "nan": (POST.replace("nucleus = 0.9", "nucleus = nan"), "decoding.nucleus", "above 0"),
    "drafts": (POST.replace("drafts = 8", "drafts = 0"), "decoding.drafts", "0 is outside 1 to 64"),
    "default": (POST.replace('default = "calm"', 'default = "mad"'), "options.mood.default", "calm, glad"),
    "default number": (POST.replace("default = 3", "default = 10"), "options.length.default", "1 to 9"),
    "bounds": (POST.replace("minimum = 1", "minimum = 10"), "options.length.minimum", "above maximum"),
    "choice twice": (POST.replace('"glad", name', '"calm", name'), "options.mood.choices[2].value", "twice"),
    "form without verse": ('form = "qijue"\n' + POST, "form", "verse"),
    "unknown form": (
        'form = "sonnet"\n' + POST.replace('"talk"', '"verse"'),
        "form",
        "no verse form named sonnet; choose one of: wujue, qijue",
    ),
    "open form": (
        re.sub(r"default = .calm.\nchoices = \[.*?\]\n", "", POST, flags=re.DOTALL)
        .replace('"talk"', '"verse"')
        .replace("mood", "form"),
        "options.form.choices",
        "a verse task names its forms",
    ),
    "verse without form": (POST.replace('"talk"', '"verse"'), "form", "either this key or an option"),
    "extract with text": (POST.replace('"talk"', '"extract"'), "source", "go together"),
    "context": (POST.replace("options.mood", "options.context"), "options.context", "kept"),
    "control": (POST.replace("Draft a", "Draft\\na"), "description.en", "one line"),
    "menu without text": (
        POST.replace("main = true", "") + '[menu]\nen = "Do"\nzh-CN = "做"\n',
        "menu",
        "it needs a main option",
    ),
    "menu without locale": (POST + '[menu]\nen = "Do"\n', "menu.zh-CN", "it is missing"),
    "long menu": (f'{POST}[menu]\nen = "{"m" * 33}"\nzh-CN = "做"\n', "menu.en", "Discord takes 32"),
    "thread": ('thread = "yes"\n' + POST, "thread", "true or false"),
    "complete without choices": (
        POST.replace("main = true", "main = true\ncomplete = true"),
        "options.topic.complete",
        "there are none",
    ),
    "end of an option": (
        POST.replace("[options.mood]", "[options.mood]\nkeep_end = true"),
        "options.mood.keep_end",
        "the main option",
    ),
    "not a table": (POST.replace("[decoding]", "[[decoding]]"), "decoding", "must be a table"),
}


@pytest.mark.parametrize(("text", "key", "reason"), BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_reported_by_file_key_and_reason(
    tmp_path: Path, text: str, key: str, reason: str
) -> None:
    file = written(tmp_path, text)
    with pytest.raises(PromptBroken) as caught:
        load_tasks(tmp_path)
    assert caught.value.fields["file"] == file
    assert caught.value.fields["key"] == key
    assert reason in str(caught.value.fields["reason"])
    assert "\n" not in str(caught.value)


def test_two_tasks_may_not_share_a_menu(tmp_path: Path) -> None:
    menu = '[menu]\nen = "Do"\nzh-CN = "做"\n'
    written(tmp_path, POST + menu)
    written(tmp_path, POST.replace('"post"', '"other"').replace("文案", "别的") + menu, "b.toml")
    with pytest.raises(PromptBroken, match=r"post\.toml: menu\.en: b\.toml has the same menu"):
        load_tasks(tmp_path)


def test_choices_that_are_completed_may_be_more_than_a_menu_holds(tmp_path: Path) -> None:
    row = '[[options.more.choices]]\nvalue = "{0}"\nname.en = "{0}"\nname.zh-CN = "{0}"\n'
    more = '[options.more]\ncomplete = true\ndescription.en = "a"\ndescription.zh-CN = "甲"\n'
    table = more + "".join(row.format(number) for number in range(100))
    written(tmp_path, POST.replace("[decoding]", table + "[decoding]"))
    option = load_tasks(tmp_path)["post"].option("more")
    assert option is not None
    assert len(option.choices) == 100


@given(st.text(max_size=40), st.integers(1, 20))
def test_a_text_is_read_from_its_end_where_the_option_says_so(text: str, limit: int) -> None:
    kept = Option("text", {}, {}, main=True, max_length=limit, keep_end=True).kept(text)
    assert len(kept) <= limit
    assert text.strip().endswith(kept)
    assert Option("text", {}, {}, main=True, max_length=limit).kept(text) == text.strip()


def test_two_main_options_are_one_too_many(tmp_path: Path) -> None:
    second = '[options.more]\nmain = true\ndescription.en = "a"\ndescription.zh-CN = "b"\n'
    written(tmp_path, POST.replace("[decoding]", second + "[decoding]"))
    with pytest.raises(PromptBroken, match=r"options\.more\.main: topic is the main option already"):
        load_tasks(tmp_path)


def test_discords_counts_are_held(tmp_path: Path) -> None:
    option = '[options.o{0}]\ndescription.en = "a"\ndescription.zh-CN = "b"\n'
    many = "".join(option.format(n) for n in range(23))
    written(tmp_path, POST.replace("[decoding]", many + "[decoding]"))
    with pytest.raises(PromptBroken, match="there are 26, Discord takes 25"):
        load_tasks(tmp_path)
    choices = ",".join(f'{{value = "{n}", name = {{en = "{n}", zh-CN = "{n}"}}}}' for n in range(26))
    table = f'[options.size]\ndescription.en = "a"\ndescription.zh-CN = "b"\nchoices = [{choices}]\n'
    written(tmp_path, POST.replace("[decoding]", table + "[decoding]"))
    with pytest.raises(PromptBroken, match="there are 26 choices, Discord takes 25"):
        load_tasks(tmp_path)


def test_a_command_may_not_be_larger_than_discord_takes(tmp_path: Path) -> None:
    choices = ",".join(
        f'{{value = "{n:0>100}", name = {{en = "{n:x>100}", zh-CN = "{n:x>100}"}}}}' for n in range(20)
    )
    tables = "".join(
        f'[options.o{n}]\ndescription.en = "a"\ndescription.zh-CN = "b"\nchoices = [{choices}]\n'
        for n in range(2)
    )
    written(tmp_path, POST.replace("[decoding]", tables + "[decoding]"))
    with pytest.raises(PromptBroken, match="Discord takes 8000"):
        load_tasks(tmp_path)


@pytest.mark.parametrize("name", ["Post.toml", "my post.toml", "1.toml", "帖.toml", f"{'p' * 33}.toml"])
def test_a_file_name_must_be_a_plain_word(tmp_path: Path, name: str) -> None:
    written(tmp_path, POST, name)
    with pytest.raises(PromptBroken, match="file name"):
        load_tasks(tmp_path)


def test_a_file_that_is_not_utf8_is_reported_by_line(tmp_path: Path) -> None:
    (tmp_path / "post.toml").write_bytes('model = "talk"\n# 文案'.encode("gb18030"))
    with pytest.raises(PromptBroken, match=r"post\.toml: line 2: it is not UTF-8"):
        load_tasks(tmp_path)


def test_a_folder_without_tasks_or_none_at_all_is_reported(tmp_path: Path) -> None:
    with pytest.raises(PromptBroken, match=r"holds no \.toml file"):
        load_tasks(tmp_path)
    with pytest.raises(PromptBroken, match="No such file"):
        load_tasks(tmp_path / "nowhere")


# --- a request held against a task


def test_validation_fills_defaults_and_spells_values_one_way(post: Task) -> None:
    request = Request("post", "  雨天 ", {"mood": "高兴", "length": "+04"}, seed=7)
    checked = post.validate(request)
    assert checked == Request("post", "雨天", {"mood": "glad", "length": "4"}, seed=7)
    assert post.validate(checked) == checked
    assert post.validate(Request("post", "雨")).options == {"mood": "calm", "length": "3"}


def test_the_main_option_may_come_as_text_or_as_an_option(post: Task) -> None:
    checked = post.validate(Request("post", options={"topic": "雨"}))
    assert checked == post.validate(Request("post", "雨"))
    assert "topic" not in checked.options


@pytest.mark.parametrize(
    ("text", "options", "error", "words"),
    [
        ("", {}, EmptyText, "no text"),
        (" \n", {}, EmptyText, "no text"),
        ("雨" * 61, {}, TextTooLong, "61 characters; shorten it to 60"),
        ("雨", {"mood": "mad"}, BadOption, "choose one of: calm, glad"),
        ("雨", {"length": "0"}, BadOption, "from 1 to 9"),
        ("雨", {"length": "1_0"}, BadOption, "from 1 to 9"),
        ("雨", {"length": "三"}, BadOption, "from 1 to 9"),
        ("雨", {"length": "٣"}, BadOption, "from 1 to 9"),
        ("雨", {"size": "1"}, BadOption, "has these options: mood, length"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_sentence(
    post: Task, text: str, options: dict[str, str], error: type[MoyouError], words: str
) -> None:
    with pytest.raises(error, match=words):
        post.validate(Request("post", text, options))


def test_a_required_option_must_be_there_and_a_task_without_text_refuses_text() -> None:
    option = Option("topic", {}, {}, required=True)
    task = Task("post", "talk", {}, {}, (option,), condition="{topic}")
    with pytest.raises(BadOption, match="it is required"):
        task.validate(Request("post"))
    with pytest.raises(BadOption, match="takes no text"):
        task.validate(Request("post", "雨", {"topic": "a"}))


def test_the_options_whose_values_are_nobodys_words_are_known(post: Task) -> None:
    assert post.closed_options == {"mood", "length"}


@given(st.text(max_size=70))
def test_a_text_is_kept_as_it_is_but_for_its_ends_or_refused(text: str) -> None:
    task = Task("post", "talk", {}, {}, (Option("topic", {}, {}, main=True, max_length=60),))
    try:
        checked = task.validate(Request("post", text))
    except TextTooLong:
        assert len(text.strip()) > 60
        return
    assert checked.text == text.strip()
    assert task.validate(checked) == checked


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.data())
def test_a_file_with_any_one_value_replaced_is_a_task_or_is_reported(data: st.DataObject) -> None:
    content: dict[str, Any] = tomllib.loads(POST)
    table = content
    while True:
        key = data.draw(st.sampled_from(sorted(table)))
        if isinstance(table[key], dict) and data.draw(st.booleans()):
            table = table[key]
            continue
        table[key] = data.draw(VALUES.filter(lambda value: value is not None))
        break
    try:
        task = _task("post", Table(Path("post.toml"), content))
    except PromptBroken:
        return
    assert 0 < task.decoding.nucleus <= 1
    assert {"en", "zh-CN"} <= set(task.names)
    assert all(option.read(option.default) == option.default for option in task.options)
