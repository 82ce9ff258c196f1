"""Names of other teams' clients and CA certificates, and texts without them."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from django.db.models import Q

from certificates.models import CACertificate
from namespaces.models import Client, Namespace
from portal.models import Team, User
from sync.models import HIDDEN_NAME

_COMMON_NAME = re.compile(r"CN=((?:\\.|[^,+\\])+)")
_SHORTEST = 2  # characters: a single letter is in every sentence


def of_other_teams(user: User) -> Q:
    """Return the condition for what a team owns that the person is no member of, whatever the person's role."""
    return Q(team__isnull=False) & ~Q(team__in=Team.objects.filter(members=user).values("pk"))


def names_in(*subjects: str) -> set[str]:
    """Return these distinguished names and the common names in them."""
    return {name for subject in subjects for name in (subject, *_COMMON_NAME.findall(subject))}


def names_of_others(user: User, namespace: Namespace, *, own: frozenset[str]) -> frozenset[str]:
    """Return the names that belong to other teams in a namespace, apart from `own`: those of what is shared."""
    found: set[str] = set()
    others = of_other_teams(user)
    for names in Client.objects.filter(others, namespace=namespace).values_list("name", "authentication_name"):
        found.update(names)
    for name, subject in CACertificate.objects.filter(others, namespace=namespace).values_list("name", "subject"):
        found.update({name, *names_in(subject)})
    lowered = {each.casefold() for each in own}
    return frozenset(name for name in found if len(name) >= _SHORTEST and name.casefold() not in lowered)


def without_names(value: Any, names: frozenset[str]) -> Any:
    """Return a JSON value in which a neutral word stands for each of the names, whatever their case."""
    everything = "\n".join(_strings(value)).casefold()
    present = sorted((name for name in names if name.casefold() in everything), key=len, reverse=True)
    if not present:
        return value
    pattern = re.compile("|".join(rf"(?<![\w-]){re.escape(name)}(?![\w-])" for name in present), re.IGNORECASE)
    return _mapped(value, lambda text: pattern.sub(HIDDEN_NAME, text))


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [text for inner in value.values() for text in _strings(inner)]
    if isinstance(value, list | tuple):
        return [text for inner in value for text in _strings(inner)]
    return []


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {key: _mapped(inner, change) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_mapped(inner, change) for inner in value]
    return value
