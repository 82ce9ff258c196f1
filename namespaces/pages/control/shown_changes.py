"""The changes of a change set, before and after, with what differs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from namespaces.control.kinds import RowKind, is_registered, kind_of
from namespaces.models import Change
from namespaces.registry import ChangeField, change_fields_of
from portal.models import Team

MOST_SHOWN = 50
WORDS = {
    "create": ("good", "plus", "Add"),
    "grant": ("good", "plus", "Give"),
    "adopt": ("good", "download", "Adopt"),
    "delete": ("bad", "minus", "Delete"),
    "revoke": ("bad", "minus", "Take away"),
}
_OTHER_WORDS = ("info", "pencil", "Edit")
_LEFT_OUT = {"name", "certificate", "finding", "shown", "fields", "user", "team_name", "roles"}


@dataclass(frozen=True)
class Line:
    """One field of a change: empty text where the object does not exist."""

    key: str
    label: str
    before: str
    after: str

    @property
    def differs(self) -> bool:
        return self.before != self.after


@dataclass(frozen=True)
class ShownChange:
    """One change as people read it. `replaced`: the name of the object that it takes the place of, where the set deletes one."""

    change: Change
    label: str
    tone: str
    icon: str
    word: str
    lines: Sequence[Line]
    replaced: str = ""

    @property
    def has_before(self) -> bool:
        return any(line.before for line in self.lines)

    @property
    def has_after(self) -> bool:
        return any(line.after for line in self.lines)


def shown_changes(changes: Sequence[Change], *, most: int | None = None) -> list[ShownChange]:
    """Return the changes with what differs, everyday ones last; at most so many of them.

    An upload is compared with the CA certificate that the same set deletes.
    """
    teams = _team_names(changes)
    deleted = _only(each for each in changes if each.operation == "delete" and each.kind == "ca_certificate")
    created = _only(each for each in changes if each.operation == "create" and each.kind == "ca_certificate")
    return [
        _shown(each, teams, deleted if each is created else None, is_short=each is deleted and created is not None)
        for each in sorted(changes, key=_is_routine)[:most]
    ]


def _is_routine(change: Change) -> bool:
    return is_registered(change.kind) and kind_of(change.kind).is_routine(change)


def _only(found: Iterable[Change]) -> Change | None:
    rows = list(found)
    return rows[0] if len(rows) == 1 else None


def _shown(change: Change, teams: Mapping[int, str], replaced: Change | None, *, is_short: bool) -> ShownChange:
    tone, icon, word = WORDS.get(change.operation, _OTHER_WORDS)
    before = (replaced.before if replaced is not None else change.before) or {}
    after = {} if change.operation == "delete" else (change.values or {})
    lines = [] if is_short else _lines(_fields(change, before, teams), _fields(change, after, teams))
    if before and after and replaced is None:
        lines = [line for line in lines if line.differs]
    label = kind_of(change.kind).label if is_registered(change.kind) else change.kind
    return ShownChange(change, label, tone, icon, word, lines, replaced.name if replaced is not None else "")


def _lines(before: Sequence[ChangeField], after: Sequence[ChangeField]) -> list[Line]:
    was = {each.key: each for each in before}
    now = {each.key: each for each in after}
    found = []
    for key, each in {**was, **now}.items():
        old, new = (was[key].text if key in was else ""), (now[key].text if key in now else "")
        if old or new:
            found.append(Line(key, each.label, old, new))
    return found


def _fields(change: Change, held: Mapping[str, Any], teams: Mapping[int, str]) -> Sequence[ChangeField]:
    own = change_fields_of(change.kind)
    found = list(own(held)) if own is not None and held else []
    known = {each.key for each in found} | _LEFT_OUT
    kind = kind_of(change.kind) if is_registered(change.kind) else None
    labels = kind.model.field_labels if isinstance(kind, RowKind) else {}
    for key, value in held.items():
        if key in known:
            continue
        if key in ("team", "by_team"):
            text = teams.get(value, "none") if value else "none"
        elif isinstance(kind, RowKind):
            text = ", ".join(kind.model.shown(key, value))
        else:
            text = _text(value)
        found.append(ChangeField(key, labels.get(key) or key.replace("_", " ").capitalize(), text))
    return found


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


def _team_names(changes: Iterable[Change]) -> dict[int, str]:
    held = [values for each in changes for values in (each.before, each.values) if isinstance(values, dict)]
    pks = {values[key] for values in held for key in ("team", "by_team") if isinstance(values.get(key), int)}
    return dict(Team.objects.filter(pk__in=pks).values_list("pk", "name")) if pks else {}
