"""What checks read: the namespace, and the progress of one person in one exercise."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from certificates.models import CACertificate
from lab.models import Progress
from namespaces.models import Client, Namespace
from sync.models import SyncedQuerySet


@dataclass(frozen=True)
class Situation:
    """One person in one exercise. `namespace` was read for this person."""

    progress: Progress
    namespace: Namespace

    @property
    def files(self) -> Mapping[str, Mapping[str, str]]:
        """Return the certificates of this exercise by file name without extension: subject, issuer, thumbprint, PEM."""
        files: Mapping[str, Mapping[str, str]] = self.progress.facts.get("files", {})
        return files

    def thumbprint(self, file: str) -> str:
        return self.files.get(file, {}).get("thumbprint", "")

    def cas(self) -> SyncedQuerySet:
        return CACertificate.visible_to(self.namespace.sight).present().filter(namespace=self.namespace)

    def clients(self) -> SyncedQuerySet:
        return Client.visible_to(self.namespace.sight).present().filter(namespace=self.namespace)


Check = Callable[..., bool]


@dataclass(frozen=True)
class KnownCheck:
    """A check with its name. `is_costly`: it asks more than the database, so only after all before it have passed."""

    name: str
    function: Check
    is_costly: bool = False


CHECKS: dict[str, KnownCheck] = {}


def check(*, is_costly: bool = False) -> Callable[[Check], Check]:
    """Make a function a check under its own name. It takes a `Situation` and keyword arguments from the exercise."""

    def known(function: Check) -> Check:
        name = getattr(function, "__name__", "")
        CHECKS[name] = KnownCheck(name, function, is_costly)
        return function

    return known


def passes(situation: Situation, name: str, arguments: Mapping[str, Any]) -> bool:
    return CHECKS[name].function(situation, **arguments)
