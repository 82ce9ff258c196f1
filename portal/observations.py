"""What people do that leaves no row, such as a refused upload, for apps that want to know of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from portal.models import User


@dataclass(frozen=True)
class Observation:
    """What a form or a check showed a person without storing anything, such as a refused file.

    `kind` is "upload", "form", "test" or "samples"; `code` is stable. `certificates` are public facts: kind ("ca" or
    "leaf"), subject, issuer, thumbprint and PEM. Nothing else of a file is passed on.
    """

    kind: str
    code: str
    file_name: str = ""
    certificates: tuple[Mapping[str, str], ...] = ()


Observer = Callable[[User, int, Observation], None]
_observers: list[Observer] = []


def register_observer(observer: Observer) -> None:
    """Let an app know what people are shown in a namespace, by its primary key."""
    if observer not in _observers:
        _observers.append(observer)


def observe(user: User, namespace_pk: int, observation: Observation) -> None:
    for observer in _observers:
        observer(user, namespace_pk, observation)
