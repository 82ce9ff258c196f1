"""The exercises and their wrong turns as the board of a class names them: in few words."""

from collections.abc import Mapping
from dataclasses import dataclass

from certificates.authentication.types import FAILED_TITLES
from lab.catalogue.reading import exercises as every_exercise

# By where a wrong turn showed and its code; the engine's codes have titles of their own.
WORDS: Mapping[str, str] = {
    "upload:leaf": "uploaded the leaf",
    "upload:leaf-of-known-ca": "uploaded the leaf",
    "upload:self-signed-leaf": "uploaded a self-signed leaf",
    "upload:several-certificates": "several certificates in one file",
    "upload:private-key": "a private key file",
    "upload:not-marked-as-ca": "uploaded no CA",
    "upload:duplicate": "uploaded it twice",
    "form:taken": "name taken",
    "form:same": "name typed twice",
    "row:ca_uploaded:root_ca": "uploaded the root",
    "row:ca_uploaded": "uploaded another CA",
    "row:client_registered": "registered another way",
    "row:certificate_revoked": "revoked too much",
    "row:bound_too_wide": "bound the CA too widely",
    "row:refused_by_rule": "bound the CA to others",
}


@dataclass(frozen=True)
class Exercise:
    """An exercise: its place among all, from 1, and its title."""

    slug: str
    number: int
    title: str


def exercises() -> Mapping[str, Exercise]:
    """Return every exercise by its slug, numbered in the order of the lab."""
    return {each.slug: Exercise(each.slug, at, each.title) for at, each in enumerate(every_exercise(), 1)}


def wrong_turn_words(key: str) -> str:
    """Return a wrong turn, by the key that progress has of it, in a few words; "" for none."""
    on, _, rest = key.partition(":")
    code = rest.partition(":")[0]
    found = WORDS.get(key) or WORDS.get(f"{on}:{code}") or FAILED_TITLES.get(code, "").lower()
    return found or (code or on).replace("-", " ").replace("_", " ")
