"""Parts as files of a limited size, and the archive with all of them."""

import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO

from namespaces.pages.recreation.parts import Part

# Azure Resource Manager takes so many resources and bytes in one template.
MOST_RESOURCES = 800
MOST_BYTES = 4_000_000
_MARGIN = 20_000  # bytes, for what surrounds the resources of a file

# What a README says about its files.
PROVED = "Files of this kind are replayed into an empty emulator by the tests of the portal."
NOT_PROVED = "No compiler has seen these files: the tests of the portal compare them with the ARM template, resource by resource."


@dataclass(frozen=True)
class Scope:
    """The namespace that the files create: what their parameters begin with."""

    subscription: str
    group: str
    namespace: str
    location: str
    api_version: str  # of the namespace


@dataclass(frozen=True)
class Format:
    """One kind of file. `piece` writes one part, after those before it in its file; `whole` writes a file from its parts and
    their pieces; `steps` says how the files are deployed.
    """

    key: str
    title: str
    ending: str
    sentence: str
    piece: Callable[[Part, Sequence[Part]], str]
    whole: Callable[[Scope, Sequence[tuple[Part, str]]], str]
    steps: Callable[[Scope, Sequence[str]], str]
    is_proved: bool  # a test runs the files against the emulator


def packed(parts: Iterable[Part], made: Format) -> Iterator[list[tuple[Part, str]]]:
    """Yield the parts with their pieces, file by file."""
    file: list[tuple[Part, str]] = []
    before: list[Part] = []
    size = 0
    for part in parts:
        piece = made.piece(part, before)
        length = len(piece.encode())
        if file and (len(file) >= MOST_RESOURCES or size + length > MOST_BYTES - _MARGIN):
            yield file
            file, size, before = [], 0, []
            piece = made.piece(part, before)
        file.append((part, piece))
        before.append(part)
        size += length
    if file:
        yield file


def write_archive(to: IO[bytes], scope: Scope, parts: Iterable[Part], made: Format, note: str) -> None:
    """Write a zip file with the numbered files and a README that says what to do with them."""
    names = []
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as into:
        for number, file in enumerate(packed(parts, made), start=1):
            names.append(f"{number:03}-{scope.namespace}.{made.ending}")
            into.writestr(names[-1], made.whole(scope, file))
        into.writestr("README.md", _readme(scope, made, names, note))


def _readme(scope: Scope, made: Format, names: Sequence[str], note: str) -> str:
    proof = PROVED if made.is_proved else NOT_PROVED
    return f"""# {scope.namespace}: {made.title}

These files create the namespace again with its CA certificates, clients, client groups, topic spaces and permission bindings.
{note}
{made.steps(scope, names)}

The files come in order: each needs those before it. A file has at most {MOST_RESOURCES} resources and 4 MB. A namespace name
belongs to one namespace in a region of Azure: choose another one while the old namespace exists.

{proof}

Not in the files: private keys (the portal never has them), role assignments, teams, private endpoints and namespace topics.
"""
