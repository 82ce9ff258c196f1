"""Topic templates of a topic space, and the topics and topic filters that they cover. Pure.

A template is a topic filter in which a segment may hold variables: `${client.authenticationName}` and
`${client.attributes.KEY}`, joined with literals by `|`, as in `machines/${client.authenticationName|.factory1}/temp`.

Source: Azure Event Grid "Topic spaces". Where it is silent, docs/policy.md has our choice: an array's variable stands
for each of its texts, and a value with `/`, `+` or `#` in it, or an attribute that is missing, matches nothing.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from namespaces.authorization.group_queries import Member
from namespaces.authorization.topics import MAX_BYTES, MAX_SEGMENTS, is_topic_filter

_VARIABLE = re.compile(r"client\.(?:authenticationName|attributes\.(?P<key>\w+))\Z", re.ASCII)
_IN_BRACES = re.compile(r"\$\{([^{}]*)\}\Z")
_UNUSABLE = re.compile(r"[/+#\x00]")


class TemplateError(ValueError):
    """Raised for an invalid template, with a stable `code` and one sentence."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


@dataclass(frozen=True)
class _Variable:
    key: str  # an attribute's key, or "" for the authentication name

    def values(self, member: Member) -> list[str]:
        """Return its values for a client; none where they cannot be part of a segment."""
        found: Any = member.attributes.get(self.key) if self.key else member.authentication_name
        held = found if isinstance(found, list | tuple) else [found]
        texts = [str(each) for each in held if isinstance(each, str | int) and not isinstance(each, bool)]
        return [text for text in texts if text and not _UNUSABLE.search(text)]


_Part = str | _Variable
_Segment = tuple[_Part, ...]  # literals and variables, in their order


@dataclass(frozen=True)
class Template:
    """A parsed template."""

    text: str
    _segments: tuple[_Segment, ...]

    @property
    def variables(self) -> tuple[str, ...]:
        """The variables in it, as written."""
        parts = (part for segment in self._segments for part in segment if isinstance(part, _Variable))
        return tuple(f"client.attributes.{p.key}" if p.key else "client.authenticationName" for p in parts)

    def covers(self, topic_filter: str, member: Member) -> bool:
        """Return whether the template allows the client every topic that `topic_filter` matches.

        A topic without wildcards is a filter that matches itself, so this serves for publishing too.
        """
        wanted = topic_filter.split("/")
        if topic_filter.startswith("$") and self._segments[0] in {("+",), ("#",)}:
            return False  # a leading wildcard matches no `$` topic (MQTT 5, 4.7.2)
        for index, segment in enumerate(self._segments):
            if segment == ("#",):
                return True
            if index >= len(wanted) or not _covers_segment(segment, wanted[index], member):
                return False
        return len(wanted) == len(self._segments)

    def filled(self, member: Member) -> tuple[str, ...]:
        """Return the template with the client's values, one text for each combination (at most 20)."""
        found = [""]
        for index, segment in enumerate(self._segments):
            texts = _texts(segment, member)
            found = [old + ("/" if index else "") + text for old in found for text in texts][:20]
        return tuple(found)


@lru_cache(maxsize=1024)
def parse_template(text: str, *, max_segments: int = MAX_SEGMENTS) -> Template:
    """Parse a template. Raises `TemplateError`, with a code such as `empty`, `too-long` or `unknown-variable`.

    Arguments: `max_segments`, lower where Event Grid as it was before May 2025 is asked.
    """
    if not text:
        raise TemplateError("empty", "The topic template is empty.")
    try:
        size = len(text.encode())
    except UnicodeEncodeError:  # a lone surrogate, which JSON can contain
        raise TemplateError("not-text", "The topic template contains an invalid character.") from None
    if size > MAX_BYTES:
        raise TemplateError("too-long", f"The topic template is longer than {MAX_BYTES} bytes.")
    levels = _split(text)
    if len(levels) > max_segments:
        raise TemplateError("too-many-segments", f"The topic template has more than {max_segments} segments.")
    segments = tuple(_segment(level) for level in levels)
    plain = "/".join("x" if _has_variable(segment) else "".join(map(str, segment)) for segment in segments)
    if not is_topic_filter(plain):
        raise TemplateError(
            "wildcard", "“+” must be a whole segment, and “#” the whole last segment, of the topic template."
        )
    return Template(text, segments)


def _split(text: str) -> list[str]:
    for inside in re.findall(r"\$\{([^}]*)", text):
        if "/" in inside:
            raise TemplateError("spans-segments", f"The variable “${{{inside[:60]}}}” must not contain “/”.")
    return text.split("/")


def _segment(level: str) -> _Segment:
    if "${" not in level and "}" not in level:
        return (level,)
    braces = _IN_BRACES.match(level)
    if braces is None:
        raise TemplateError(
            "mixed-segment",
            f"The segment “{level[:60]}” mixes text and a variable. Put the text inside the braces, separated by “|”:"
            " ${client.authenticationName|.factory1}.",
        )
    parts = tuple(_part(piece) for piece in braces[1].split("|"))
    if not _has_variable(parts):
        raise TemplateError(
            "no-variable",
            f"“${{{braces[1][:60]}}}” contains no variable. Use client.authenticationName or client.attributes.KEY.",
        )
    return parts


def _part(piece: str) -> _Part:
    variable = _VARIABLE.match(piece.strip())
    if variable is not None:
        return _Variable(variable["key"] or "")
    if piece.strip().startswith(("client.", "principal.")):
        raise TemplateError(
            "unknown-variable",
            f"There is no variable “{piece.strip()[:60]}”. Use client.authenticationName or client.attributes.KEY.",
        )
    if not piece or _UNUSABLE.search(piece):
        raise TemplateError("literal", "Text beside a variable must not be empty or contain “/”, “+” or “#”.")
    return piece


def _has_variable(segment: _Segment) -> bool:
    return any(isinstance(part, _Variable) for part in segment)


def _covers_segment(segment: _Segment, wanted: str, member: Member) -> bool:
    if segment == ("+",):
        return wanted != "#"
    if not _has_variable(segment):
        return segment[0] == wanted
    return wanted in _texts(segment, member)


def _texts(segment: _Segment, member: Member) -> list[str]:
    """Return every text that a segment matches."""
    found = [""]
    for part in segment:
        values = part.values(member) if isinstance(part, _Variable) else [part]
        found = [old + value for old in found for value in values][:100]
    return found


def member_of(authentication_name: str, attributes: Mapping[str, Any] | None) -> Member:
    """Return the client as topic templates and group queries see it."""
    return Member(authentication_name, attributes or {})
