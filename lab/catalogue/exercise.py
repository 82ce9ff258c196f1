"""An exercise as its folder describes it."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TRACKS: Mapping[str, str] = {
    "first-connection": "First connection",
    "refused": "When it is refused",
    "running": "Running it",
}
FOLDER_NAME = re.compile(r"(?P<number>\d{2})-(?P<slug>[a-z0-9]+(?:-[a-z0-9]+)*)")
SOURCES = ("upload", "form", "test", "connection", "row")  # where a wrong turn shows
LONGEST_FILE = 20_000  # characters


class ExerciseError(ValueError):
    """A folder that is no exercise; the message says why."""


@dataclass(frozen=True)
class CheckLine:
    """One line of *Checks*: a check by its name, with its arguments."""

    key: str  # in the order of the file: "1-ca_uploaded"
    check: str
    text: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class WrongTurn:
    """A wrong turn in words. `code` is of the upload's diagnosis, of a form or of the engine; with `on` "row", of a check."""

    on: str
    code: str
    words: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Return how progress refers to it: "upload:leaf", or "row:ca_uploaded:root_ca"."""
        about = [str(self.arguments[name])[:16] for name in ("file", "client", "scheme") if name in self.arguments]
        return ":".join([self.on, self.code, *about])[:60]


@dataclass(frozen=True)
class ShowStep:
    """One step of *Show me*: an action by its name, with its arguments, and what the step explains."""

    step: str
    says: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Exercise:
    """One exercise. `start` is its start state; `hints` open one by one."""

    slug: str
    number: int
    track: str
    title: str
    goal: str
    text: str
    checks: tuple[CheckLine, ...]
    wrong_turns: tuple[WrongTurn, ...]
    show_me: tuple[ShowStep, ...]
    start: Mapping[str, Any]
    hints: tuple[str, ...]
    folder: Path

    @property
    def track_title(self) -> str:
        return TRACKS[self.track]

    @property
    def names(self) -> tuple[Mapping[str, Any], ...]:
        """Return the client certificates that its start state makes, as tables of the file."""
        return tuple(self.start.get("certificates", ()))

    @property
    def clients(self) -> tuple[str, ...]:
        """Return the names of the clients that are its own: *Start over* deletes or resets them."""
        named = [str(each["name"]) for each in self.start.get("clients", ())]
        return (*named, *map(str, self.start.get("absent", ())))

    def wrong_turn(self, key: str) -> WrongTurn | None:
        return next((turn for turn in self.wrong_turns if turn.key == key), None)


def read_exercise(folder: Path) -> Exercise:
    """Read one folder. Raise ExerciseError."""
    found = FOLDER_NAME.fullmatch(folder.name)
    if found is None:
        raise ExerciseError("Name the folder with two digits, a hyphen and a slug: 06-upload-the-leaf.")
    try:
        data = tomllib.loads(_read(folder / "exercise.toml"))
    except tomllib.TOMLDecodeError as error:
        raise ExerciseError(f"exercise.toml is not TOML: {error}") from None
    unknown = set(data) - {"title", "track", "goal", "start", "checks", "wrong_turns", "show_me"}
    if unknown:
        raise ExerciseError(f"exercise.toml has unknown keys: {', '.join(sorted(unknown))}.")
    track = _text(data, "track", "exercise.toml")
    if track not in TRACKS:
        raise ExerciseError(f"track is one of: {', '.join(TRACKS)}.")
    return Exercise(
        slug=found["slug"],
        number=int(found["number"]),
        track=track,
        title=_text(data, "title", "exercise.toml"),
        goal=_text(data, "goal", "exercise.toml"),
        text=_read(folder / "text.md"),
        checks=tuple(_check(table, at) for at, table in enumerate(_tables(data, "checks"), 1)),
        wrong_turns=tuple(map(_wrong_turn, _tables(data, "wrong_turns"))),
        show_me=tuple(map(_show_step, _tables(data, "show_me"))),
        start=_table(data, "start"),
        hints=tuple(_hints(folder)),
        folder=folder,
    )


def _read(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise ExerciseError(f"{path.name} is missing, or is no text in UTF-8.") from None
    if len(text) > LONGEST_FILE:
        raise ExerciseError(f"{path.name} has more than {LONGEST_FILE} characters.")
    return text


def _hints(folder: Path) -> list[str]:
    hints: list[str] = []
    while (path := folder / f"hint-{len(hints) + 1}.md").exists():
        hints.append(_read(path))
    return hints


def _text(table: Mapping[str, Any], name: str, place: str) -> str:
    value = table.get(name)
    if not isinstance(value, str) or not value.strip():
        raise ExerciseError(f"{place} lacks {name}.")
    return value.strip()


def _table(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = data.get(name, {})
    if not isinstance(value, Mapping):
        raise ExerciseError(f"{name} is a table: [{name}].")
    return value


def _tables(data: Mapping[str, Any], name: str) -> Sequence[Mapping[str, Any]]:
    value = data.get(name, [])
    if not isinstance(value, list) or not all(isinstance(each, Mapping) for each in value):
        raise ExerciseError(f"{name} are tables: [[{name}]].")
    return value


def _without(table: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in table.items() if name not in names}


def _check(table: Mapping[str, Any], at: int) -> CheckLine:
    name = _text(table, "check", f"Check {at}")
    return CheckLine(f"{at}-{name}", name, _text(table, "text", f"Check {at}"), _without(table, "check", "text"))


def _wrong_turn(table: Mapping[str, Any]) -> WrongTurn:
    on, code = _text(table, "on", "A wrong turn"), _text(table, "code", "A wrong turn")
    if on not in SOURCES:
        raise ExerciseError(f"A wrong turn shows on one of: {', '.join(SOURCES)}.")
    return WrongTurn(on, code, _text(table, "words", f"Wrong turn {code}"), _without(table, "on", "code", "words"))


def _show_step(table: Mapping[str, Any]) -> ShowStep:
    step = _text(table, "step", "A step of show_me")
    return ShowStep(step, _text(table, "says", f"Step {step}"), _without(table, "step", "says"))
