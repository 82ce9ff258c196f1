"""What can be wrong with an upload, as data: a problem, and the fix that one click takes. Pure."""

from dataclasses import dataclass
from typing import Protocol

from certificates.x509.certificate import Certificate
from certificates.x509.text import shortened, shortened_values

Values = tuple[tuple[str, str], ...]

CHOOSE_CERTIFICATE = "choose-certificate"
CREATE_THUMBPRINT_CLIENT = "create-thumbprint-client"
CREATE_CLIENT = "create-client"


@dataclass(frozen=True)
class Fix:
    """What one click does. `action` is stable; `label` stands on the button.

    `choose-certificate`: upload `certificate` alone. `create-thumbprint-client` and `create-client`: open the client form
    with `values` ("authentication name", "validation scheme", "thumbprint").
    """

    action: str
    label: str
    certificate: Certificate
    values: Values = ()


@dataclass(frozen=True)
class Problem:
    """One thing that stands in the way ("error") or must be seen ("warning"). `code` is stable.

    `fix` is what settles it; `choices` are the ways out where only a person can tell which one.
    """

    code: str
    severity: str
    sentence: str
    next_step: str
    values: Values = ()
    fix: Fix | None = None
    choices: tuple[Fix, ...] = ()


class Report(Protocol):
    """Collects one problem: code, sentence, next step, values."""

    def __call__(
        self, code: str, sentence: str, next_step: str, *values: tuple[str, str], fix: Fix | None = None
    ) -> None: ...


def reporter(severity: str) -> tuple[list[Problem], Report]:
    """A list, and the function that adds a problem of this severity to it."""
    found: list[Problem] = []

    def report(code: str, sentence: str, next_step: str, *values: tuple[str, str], fix: Fix | None = None) -> None:
        found.append(Problem(code, severity, shortened(sentence), shortened(next_step), shortened_values(values), fix))

    return found, report
