"""How a command line behaves: one sentence and a status for what went wrong, one JSON object a line.

Knows: click, the contract of exit statuses (0 done, 2 bad usage or input, 1 anything else that Moyou
has a sentence for), options that take several values.
Does not know: any single command.
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from engine.errors import BadFile, BadInput, BadOption, MoyouError

STATUS_FAILED = 1
STATUS_USAGE = 2
STATUS_INTERRUPTED = 130

Function = TypeVar("Function", bound=Callable[..., Any])

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
NEW_FILE = click.Path(dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)

as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line, nothing else.")


class Several(click.Option):
    """An option that takes all values up to the next option, and may come again: `--data a b --data c`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "multiple": True})


class Command(click.Command):
    """A command that knows options of class `Several`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        several = {name for p in self.params if isinstance(p, Several) for name in p.opts}
        return super().parse_args(ctx, spread(args, several))


def spread(arguments: Sequence[str], several: set[str]) -> list[str]:
    """`--data a b` as `--data a --data b`, for the names in `several`; "--" ends options as ever."""
    result: list[str] = []
    name = ""
    values = 0
    for number, argument in enumerate(arguments):
        if argument == "--":
            return [*result, *arguments[number:]]
        if argument.startswith("-") and argument != "-":
            name, values = (argument, 0) if argument in several else ("", 0)
            result.append(argument)
        else:
            result += [name, argument] if name and values else [argument]
            values += 1
    return result


class Group(click.Group):
    """Commands whose failures are one sentence on stderr."""

    command_class = Command

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """As click's, but never a usage text or a traceback for what Moyou has a sentence for."""
        kwargs["standalone_mode"] = False
        try:
            status = super().main(*args, **kwargs)
        except click.exceptions.NoArgsIsHelpError as error:
            # click prints the help as the error's message
            fail(f"{error.ctx.command_path}: no command given; see --help." if error.ctx else "see --help.")
            status = STATUS_USAGE
        except click.ClickException as error:
            fail(one_line(error.format_message()))
            status = error.exit_code
        except MoyouError as error:
            fail(one_line(str(error)))
            status = STATUS_USAGE if isinstance(error, BadInput) else STATUS_FAILED
        except BrokenPipeError:
            # the reader (head, less) has what it wanted; the interpreter must not flush into it again
            sys.stdout = None
            status = STATUS_FAILED
        except OSError as error:
            fail(one_line(f"{error.filename or 'The file'}: {error.strerror or error}."))
            status = STATUS_FAILED
        except (click.Abort, KeyboardInterrupt):
            fail("Stopped.")
            status = STATUS_INTERRUPTED
        sys.exit(status if isinstance(status, int) else 0)


def fail(sentence: str) -> None:
    print(sentence, file=sys.stderr)


def one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def emit(values: Mapping[str, object]) -> None:
    """One JSON object on one line of stdout, at once; characters stay readable, NaN becomes null."""
    print(json.dumps(finite(values), ensure_ascii=False, allow_nan=False), flush=True)


def finite(value: Any) -> Any:
    """JSON knows neither NaN nor infinity: None takes their place, at any depth."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [finite(inner) for inner in value]
    return str(value) if isinstance(value, Path) else value


def assignments(pairs: Sequence[str]) -> dict[str, str]:
    """KEY=VALUE pairs as a dict. Raises BadOption."""
    result: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise BadOption(option="--set", reason=f"write it as KEY=VALUE, not {pair!r}")
        result[key.strip()] = value
    return result


def read_lines(stream: Any, name: str) -> list[str]:
    """Lines of a binary stream as UTF-8, a byte order mark dropped. Raises BadFile."""
    try:
        return str(stream.read().decode("utf-8-sig")).splitlines()
    except UnicodeDecodeError as error:
        raise BadFile(file=name, reason=f"it is not UTF-8 (byte {error.start + 1})") from error


def data_option(function: Function) -> Function:
    return _data(required=True)(function)


def optional_data_option(function: Function) -> Function:
    return _data(required=False)(function)


def _data(required: bool) -> Callable[[Function], Function]:
    return click.option(
        "--data",
        cls=Several,
        required=required,
        type=FILE,
        metavar="FILE...",
        help="JSON lines, text or CSV.",
    )


def show(values: Mapping[str, object], as_json: bool) -> None:
    if as_json:
        emit(values)
        return
    for name, value in values.items():
        print(f"{name}: {value:.6g}" if isinstance(value, float) else f"{name}: {value}")
