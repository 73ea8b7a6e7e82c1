"""bot/settings.py: defaults, ranges, `.env`, and secrets that are never shown."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.settings import DEFAULTS, Settings, Shards, is_loopback
from engine import BadSetting

TOKEN = ".".join((base64.urlsafe_b64encode(b"1234567890123456789").decode().rstrip("="), "GabcDe", "x" * 38))


def test_without_anything_set_the_console_serves_this_machine_only() -> None:
    settings = Settings.from_environment({}, None)
    assert settings == Settings()
    assert settings.loopback
    assert settings.discord_token == ""
    assert settings.journal == Path("moyou-data/journal.db")
    assert settings.tuned == Path("moyou-data/models")


def test_every_setting_is_read() -> None:
    settings = Settings.from_environment(
        {
            "DISCORD_TOKEN": TOKEN,
            "MOYOU_DATA": "a",
            "MOYOU_PROMPTS": "b",
            "MOYOU_MODELS": "c",
            "MOYOU_HOST": "0.0.0.0",
            "MOYOU_PORT": "0",
            "MOYOU_CONSOLE_TOKEN": "long enough for it",
            "MOYOU_KEEP_WORDS_HOURS": "0",
            "MOYOU_KEEP_LEFT_DAYS": "7",
            "MOYOU_WORKERS": "2",
            "MOYOU_QUEUE": "3",
            "MOYOU_DEADLINE": "4.5",
            "MOYOU_MEMBER_PACE": "5",
            "MOYOU_GUILD_PACE": "6",
            "MOYOU_BOOK": "OFF",
            "MOYOU_MESSAGE_CONTENT": "on",
            "MOYOU_LOCALE": "en",
            "MOYOU_SHARDS": "0,2-3/8",
            "MOYOU_DEVELOPMENT_GUILD": "123456789012345678",
        },
        None,
    )
    assert settings == Settings(
        discord_token=TOKEN,
        data=Path("a"),
        prompts=Path("b"),
        models=Path("c"),
        host="0.0.0.0",
        port=0,
        console_token="long enough for it",
        keep_words_hours=0.0,
        keep_left_days=7.0,
        workers=2,
        queue=3,
        deadline=4.5,
        member_pace=5,
        guild_pace=6,
        book=False,
        message_content=True,
        locale="en",
        shards=Shards((0, 2, 3), 8),
        development_guild=123456789012345678,
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DISCORD_TOKEN", "password"),
        ("DISCORD_TOKEN", "Bot " + TOKEN),
        ("DISCORD_TOKEN", TOKEN.replace(".", "-")),
        ("DISCORD_TOKEN", "not_an_id_in_base64_" + TOKEN[26:]),
        ("MOYOU_HOST", "http://localhost"),
        ("MOYOU_PORT", "65536"),
        ("MOYOU_PORT", "-1"),
        ("MOYOU_PORT", "eight"),
        ("MOYOU_CONSOLE_TOKEN", "short"),
        ("MOYOU_CONSOLE_TOKEN", "墨友墨友墨友墨友墨友墨友"),
        ("MOYOU_KEEP_WORDS_HOURS", "-1"),
        ("MOYOU_KEEP_WORDS_HOURS", "nan"),
        ("MOYOU_KEEP_WORDS_HOURS", "721"),
        ("MOYOU_WORKERS", "0"),
        ("MOYOU_QUEUE", "1.5"),
        ("MOYOU_DEADLINE", "0"),
        ("MOYOU_BOOK", "maybe"),
        ("MOYOU_MESSAGE_CONTENT", "2"),
        ("MOYOU_LOCALE", "fr"),
        ("MOYOU_DEVELOPMENT_GUILD", "my server"),
        ("MOYOU_KEEP_LEFT_DAYS", "-1"),
        ("MOYOU_MEMBER_PACE", "few"),
        ("MOYOU_GUILD_PACE", "1.5"),
        ("MOYOU_SHARDS", "0"),
        ("MOYOU_SHARDS", "4/4"),
        ("MOYOU_SHARDS", "3-2/4"),
        ("MOYOU_SHARDS", "1,/4"),
        ("MOYOU_SHARDS", "two"),
    ],
)
def test_what_is_not_usable_is_named_and_not_repeated(name: str, value: str) -> None:
    with pytest.raises(BadSetting) as caught:
        Settings.from_environment({name: value}, None)
    assert caught.value.fields["setting"] == name
    if "TOKEN" in name:
        assert value not in str(caught.value)
    settings, problems = Settings.read({name: value}, None)
    assert len(problems) == 1
    assert settings == Settings()


def test_all_problems_are_found_in_one_reading_and_said_in_the_owners_language() -> None:
    wrong = {"MOYOU_PORT": "x", "MOYOU_WORKERS": "0", "DISCORD_TOKEN": "x"}
    _, chinese = Settings.read(wrong, None)
    _, english = Settings.read({**wrong, "MOYOU_LOCALE": "en"}, None)
    names = ["DISCORD_TOKEN", "MOYOU_PORT", "MOYOU_WORKERS"]
    assert [error.fields["setting"] for error in chinese] == names
    assert "0 到 65535" in str(chinese[1].fields["reason"])
    assert "from 0 to 65535" in str(english[1].fields["reason"])


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "moyou.example"])
def test_a_console_that_others_can_reach_needs_a_token(host: str) -> None:
    with pytest.raises(BadSetting) as caught:
        Settings.from_environment({"MOYOU_HOST": host}, None)
    assert caught.value.fields["setting"] == "MOYOU_CONSOLE_TOKEN"
    Settings.from_environment({"MOYOU_HOST": host, "MOYOU_CONSOLE_TOKEN": "x" * 12}, None)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_loopback_is_known_in_its_spellings(host: str) -> None:
    assert is_loopback(host)


@given(st.text())
def test_no_text_is_loopback_by_accident(host: str) -> None:
    assert not is_loopback("x" + host)


def test_shards_alone_are_all_of_them() -> None:
    assert Settings.from_environment({"MOYOU_SHARDS": "3"}, None).shards == Shards((0, 1, 2), 3)
    assert Settings.from_environment({"MOYOU_SHARDS": "1/2"}, None).shards == Shards((1,), 2)


def test_secrets_are_never_shown() -> None:
    settings = Settings(discord_token=TOKEN, console_token="the console's own")
    assert TOKEN not in repr(settings)
    assert "the console's own" not in repr(settings)


def test_the_file_is_read_and_the_environment_wins(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(
        'MOYOU_PORT=1234\nMOYOU_LOCALE="en"\nMOYOU_DATA=$HOME/墨\nMOYOU_QUEUE=\n', encoding="utf-8"
    )
    settings = Settings.from_environment({"MOYOU_PORT": "4321", "MOYOU_LOCALE": " "}, file)
    assert (settings.port, settings.locale, settings.queue) == (4321, "en", 512)
    assert settings.data == Path("$HOME/墨")


def test_a_misspelt_setting_in_the_file_is_reported(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("MOYOU_PROT=1234\nOTHER=1\n", encoding="utf-8")
    with pytest.raises(BadSetting) as caught:
        Settings.from_environment({"MOYOU_PORT_8642_TCP": "tcp://10.0.0.1"}, file)
    assert caught.value.fields["setting"] == "MOYOU_PROT"


def test_the_processs_environment_and_the_folders_file_are_the_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("MOYOU_QUEUE=7\n", encoding="utf-8")
    for name in DEFAULTS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MOYOU_WORKERS", "5")
    settings = Settings.from_environment()
    assert (settings.queue, settings.workers) == (7, 5)


def test_the_written_defaults_are_the_classs_defaults() -> None:
    assert Settings.from_environment(dict(DEFAULTS), None) == Settings()
