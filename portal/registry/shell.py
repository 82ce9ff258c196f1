"""What apps put on every page: bars, lines of the bell, and warnings for administrators."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from portal.models import User
from portal.short_cache import kept


@dataclass(frozen=True)
class ShellBar:
    """A bar above the content of every page of a user: a template, and what it draws, as `bar`."""

    template: str
    context: Mapping[str, Any]


# Takes the user, and the address of the page when it was opened by GET, else "".
ShellBarSource = Callable[[User, str], ShellBar | None]
_shell_bars: list[ShellBarSource] = []


def register_shell_bar(source: ShellBarSource) -> None:
    if source not in _shell_bars:
        _shell_bars.append(source)


def shell_bars(user: User, opened: str) -> list[ShellBar]:
    """Return the bars that apps put on the page of this user."""
    return [bar for source in _shell_bars if (bar := source(user, opened)) is not None]


@dataclass(frozen=True)
class BellLine:
    """A line on top of the notifications, such as what waits for the user. `count`: of the things it is about."""

    code: str
    count: int
    text: str
    url: str


BellLineSource = Callable[[User], BellLine | None]
_bell_lines: list[BellLineSource] = []


def register_bell_line(source: BellLineSource) -> None:
    if source not in _bell_lines:
        _bell_lines.append(source)


def bell_lines(user: User) -> list[BellLine]:
    """Return the lines that apps put on top of the notifications of this user."""
    return [line for source in _bell_lines if (line := source(user)) is not None]


AdministratorWarnings = Callable[[], Iterable[str]]
_administrator_warnings: list[AdministratorWarnings] = []


def register_administrator_warnings(source: AdministratorWarnings) -> None:
    """Let an app warn administrators on every page."""
    if source not in _administrator_warnings:
        _administrator_warnings.append(source)


def administrator_warnings() -> list[str]:
    """What administrators have to know now, as sentences."""
    return kept("warnings", lambda: [sentence for source in _administrator_warnings for sentence in source()])
