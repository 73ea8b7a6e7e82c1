"""Who may import what, who may read the environment, and what the repository looks like from above."""

from __future__ import annotations

import ast
import fnmatch
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TOP_LEVEL = {
    ".ci",
    ".env.example",
    ".gitignore",
    "LICENSE",
    "README.md",
    "bot",
    "engine",
    "prompts",
    "pyproject.toml",
    "tests",
}
LONGEST = 500
DRAWERS = {"utils", "util", "helpers", "helper", "common", "misc", "tools", "stuff"}
MODULES = {
    "discord.py": "discord",
    "python-dotenv": "dotenv",
    "sqlite-utils": "sqlite_utils",
    "Jinja2": "jinja2",
    "prometheus-client": "prometheus_client",
    "scikit-learn": "sklearn",
}


def files(*folders: str) -> list[Path]:
    return [file for folder in folders for file in sorted((ROOT / folder).rglob("*.py"))]


def named(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"), named(file))


def imported(file: Path) -> Iterator[str]:
    """Every module imported anywhere in a file, `from a import b` as a and a.b."""
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{named(file)}: relative import"
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def within(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


SOURCES = files("bot", "engine", "prompts")
EVERYTHING = [*SOURCES, *files("tests")]


@pytest.mark.parametrize("file", files("engine"), ids=named)
def test_the_engine_knows_neither_discord_nor_a_web_server_nor_the_bot(file: Path) -> None:
    for module in imported(file):
        assert not any(within(module, foreign) for foreign in ("discord", "aiohttp", "bot")), module


@pytest.mark.parametrize("file", files("bot"), ids=named)
def test_the_bot_enters_the_engine_by_its_one_door(file: Path) -> None:
    public = door()
    for module in imported(file):
        if module.startswith("engine."):
            name = module.removeprefix("engine.")
            assert name in public, f"{name} is not offered by engine/__init__.py"


def door() -> set[str]:
    """The names in `__all__` of engine/__init__.py."""
    for node in tree(ROOT / "engine" / "__init__.py").body:
        if isinstance(node, ast.Assign) and any(getattr(t, "id", "") == "__all__" for t in node.targets):
            return set(ast.literal_eval(node.value))
    raise AssertionError("engine/__init__.py has no literal __all__")


@pytest.mark.parametrize("file", SOURCES, ids=named)
def test_only_the_settings_read_the_environment(file: Path) -> None:
    readers = {"environ", "environb", "getenv", "getenvb", "load_dotenv", "dotenv_values"}
    names = {node.attr for node in ast.walk(tree(file)) if isinstance(node, ast.Attribute)}
    names |= {module.rpartition(".")[2] for module in imported(file)}
    assert named(file) == "bot/settings.py" or not names & readers


@pytest.mark.parametrize("file", SOURCES, ids=named)
def test_every_module_says_what_it_knows(file: Path) -> None:
    module = tree(file)
    assert not module.body or ast.get_docstring(module)


@pytest.mark.parametrize("file", EVERYTHING, ids=named)
def test_every_file_is_short_enough_to_read_and_no_drawer(file: Path) -> None:
    assert len(file.read_text(encoding="utf-8").splitlines()) <= LONGEST
    assert file.stem not in DRAWERS


def test_the_top_level_is_exactly_the_fixed_set() -> None:
    ignored = [line.rstrip("/") for line in (ROOT / ".gitignore").read_text(encoding="utf-8").split()]
    found = {
        path.name
        for path in ROOT.iterdir()
        if path.name != ".git" and not any(fnmatch.fnmatch(path.name, pattern) for pattern in ignored)
    }
    assert found == TOP_LEVEL


def test_no_file_names_a_place_on_somebodys_machine() -> None:
    folders = "|".join(("home", "root", "work", "tmp", "Users", "opt", "srv"))
    place = re.compile(rf"(?<![\w.:/])/({folders})/\w")
    for file in readable():
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
            assert not place.search(line), f"{named(file)}:{number}"


def readable() -> Iterator[Path]:
    """Text files of the repository; folders that git ignores are passed over."""
    kinds = {".py", ".toml", ".md", ".html", ".css", ".js", ".json", ".example", ""}
    for name in sorted(TOP_LEVEL):
        path = ROOT / name
        for file in [path] if path.is_file() else sorted(path.rglob("*")):
            if file.is_file() and file.suffix in kinds and "__pycache__" not in file.parts:
                yield file


def test_what_is_imported_is_declared_and_what_is_declared_is_imported() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    def modules(requirements: list[str]) -> set[str]:
        names = (re.split(r"[<>=~! \[]", requirement)[0] for requirement in requirements)
        return {MODULES.get(name, name) for name in names}

    extras = project["optional-dependencies"]
    declared, extra = modules(project["dependencies"]), modules(extras["train"] + extras["bench"])
    own = {"bot", "engine", "prompts", *sys.stdlib_module_names}
    used = {module.partition(".")[0] for file in SOURCES for module in imported(file)} - own
    assert declared <= used <= declared | extra


def test_whatever_lies_beside_the_modules_is_installed_with_them() -> None:
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    installed = {
        file
        for package, patterns in setuptools["package-data"].items()
        for pattern in patterns
        for file in (ROOT / package.replace(".", "/")).glob(pattern)
    }
    for folder in ("bot", "engine", "prompts"):
        for file in (ROOT / folder).rglob("*"):
            if file.is_dir() or "__pycache__" in file.parts:
                continue
            if file.suffix == ".py":
                assert named(file.parent).replace("/", ".") in setuptools["packages"], named(file)
            else:
                assert file in installed, named(file)
