"""Names of hidden resources in what is seen: in the reason of an attempt, and in the steps of its decision.

An attempt of one's own client may have been trusted through another team's CA certificate, and advice may name another team's
client. Where a namespace hides those, a neutral word stands for the name.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from django.db.models import Q

from namespaces.models import ConnectionAttempt, Namespace
from sync.models import HIDDEN_NAME
from sync.models.sight import hideable_models, scope_of

AT_ONCE = 500
_WORD = re.compile(r"[-A-Za-z0-9:._]+")
_TEXTS = ("reason", "ca_name")


def without_hidden_names(namespace: Namespace, attempts: Iterable[ConnectionAttempt]) -> Iterator[ConnectionAttempt]:
    """Yield the attempts as the person may read them for whom the namespace was read."""
    if not namespace.sight.is_partial:
        yield from attempts
        return
    rest = iter(attempts)
    while batch := list(islice(rest, AT_ONCE)):
        words = {word for attempt in batch for text in _texts_of(attempt) for word in _words(text)}
        hidden = _hidden_among(namespace, words)
        for attempt in batch:
            for name in _TEXTS:
                setattr(attempt, name, _without(getattr(attempt, name), hidden))
            if "record" not in attempt.get_deferred_fields():
                attempt.record = _without(attempt.record, hidden)
            yield attempt


def texts_without_hidden_names(namespace: Namespace, texts: Iterable[str]) -> list[str]:
    """Return the texts as the person may read them for whom the namespace was read."""
    texts = list(texts)
    if not namespace.sight.is_partial:
        return texts
    hidden = _hidden_among(namespace, {word for text in texts for word in _words(text)})
    return [_without(text, hidden) for text in texts]


def _texts_of(attempt: ConnectionAttempt) -> Iterator[str]:
    yield from (getattr(attempt, name) for name in _TEXTS)
    if "record" not in attempt.get_deferred_fields():
        yield from _strings(attempt.record)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            if key != "presentedChain":  # certificates: the client sent them itself
                yield from _strings(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _strings(inner)


def _words(text: str) -> Iterator[str]:
    for word in _WORD.findall(text):
        yield word
        yield word.strip(".:")  # of the sentence


def _hidden_among(namespace: Namespace, words: set[str]) -> frozenset[str]:
    """Return those words that are the name of a hidden resource, or the authentication name of a hidden client."""
    found: set[str] = set()
    for model in hideable_models():
        manager: Any = model._default_manager
        sight = namespace.sight
        hidden = manager.filter(scope_of(model, sight)).exclude(pk__in=manager.visible_to(sight).values("pk"))
        columns = [name for name in ("name", "authentication_name") if hasattr(model, name)]
        wanted = Q()
        for column in columns:
            wanted |= Q(**{f"{column}__in": words})
        for names in hidden.filter(wanted).values_list(*columns):
            found.update(names)
    return frozenset(found & words)


def _without(value: Any, hidden: frozenset[str]) -> Any:
    if isinstance(value, str):
        return _WORD.sub(lambda word: _shown(word[0], hidden), value)
    if isinstance(value, Mapping):
        return {key: inner if key == "presentedChain" else _without(inner, hidden) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without(inner, hidden) for inner in value]
    return value


def _shown(word: str, hidden: frozenset[str]) -> str:
    if word in hidden:
        return HIDDEN_NAME
    bare = word.strip(".:")
    return word.replace(bare, HIDDEN_NAME) if bare in hidden else word
