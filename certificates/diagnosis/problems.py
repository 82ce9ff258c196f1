"""Problems of an upload and their one-click fixes, as data. Pure."""

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
    """A one-click fix. `action` is a stable code; `label` is the text of the button.

    `choose-certificate`: upload `certificate` alone. `create-thumbprint-client` and `create-client`: open the client form
    with `values` ("authentication_name", "validation_scheme", "thumbprint").
    """

    action: str
    label: str
    certificate: Certificate
    values: Values = ()


@dataclass(frozen=True)
class Problem:
    """One problem. `code` is stable; `severity` is "error", which blocks the upload, or "warning".

    `values` are (name, value) pairs to show. `fix` solves the problem; `choices` are offered where only the user knows
    the right one. `detail` is a finer stable code where one code has several causes, else "".
    """

    code: str
    severity: str
    sentence: str
    next_step: str
    values: Values = ()
    fix: Fix | None = None
    choices: tuple[Fix, ...] = ()
    detail: str = ""


class Report(Protocol):
    """Adds one problem: code, sentence, next step, values."""

    def __call__(
        self, code: str, sentence: str, next_step: str, *values: tuple[str, str], fix: Fix | None = None
    ) -> None: ...


def reporter(severity: str) -> tuple[list[Problem], Report]:
    """Return a list, and the function that adds a problem of this severity to it."""
    found: list[Problem] = []

    def report(code: str, sentence: str, next_step: str, *values: tuple[str, str], fix: Fix | None = None) -> None:
        found.append(Problem(code, severity, shortened(sentence), shortened(next_step), shortened_values(values), fix))

    return found, report
