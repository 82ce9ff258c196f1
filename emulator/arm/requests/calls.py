"""One ARM request, independent of the HTTP server."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from certificates.x509.key_masking import masked
from emulator.arm.requests.errors import ArmError
from emulator.arm.requests.paths import ArmPath
from emulator.fault_rules import Fault

API_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(-preview|-beta)?", re.ASCII)


@dataclass(frozen=True)
class Call:
    """One request to ARM."""

    method: str  # in upper case
    path: ArmPath
    query: Mapping[str, str]  # names in lower case
    body: bytes = b""
    origin: str = ""  # "https://host:port", for links
    target: str = ""  # the path as it was sent, for links
    caller: str = ""  # the client id, for systemData
    operation: Fault | None = None  # turns a write into a long-running operation
    stale: float = 0.0  # seconds during which reads do not see this write

    @property
    def api_version(self) -> str:
        return self.query.get("api-version", "")

    def require_api_version(self, known: tuple[str, ...] = ()) -> None:
        """Raise `ArmError` (400) if `api-version` is missing, malformed, or not among `known`."""
        version = self.api_version
        if not version:
            raise ArmError(
                400,
                "MissingApiVersionParameter",
                "The api-version query parameter (?api-version=) is required for all requests.",
            )
        if not API_VERSION.fullmatch(version):
            raise ArmError(
                400,
                "InvalidApiVersionParameter",
                f"The api-version '{version[:100]}' is invalid. It has the form '2025-02-15' or '2025-02-15-preview'.",
            )
        if known and version not in known:
            raise ArmError(
                400,
                "NoRegisteredProviderFound",
                f"No registered resource provider found for API version '{version}'. The supported api-versions are"
                f" '{', '.join(known)}'.",
            )

    def members(self) -> dict[str, Any]:
        """Return the JSON object in the body. Raise `ArmError` (400 InvalidRequestContent) for anything else.

        Texts with a private key are masked: the emulator keeps none, also where Azure would.
        """
        try:
            members = json.loads(self.body.decode("utf-8-sig"), parse_constant=_reject_number, parse_float=_finite)
        except (ValueError, RecursionError) as error:
            raise ArmError(400, "InvalidRequestContent", "The request content is not valid JSON.") from error
        if not isinstance(members, dict):
            raise ArmError(400, "InvalidRequestContent", "The request content must be a JSON object.")
        found: dict[str, Any] = masked(members)
        return found

    def require_method(self, method: str) -> None:
        """Raise `ArmError` (405) for any other method."""
        if self.method != method:
            raise self.method_not_allowed(method)

    def method_not_allowed(self, *allowed: str) -> ArmError:
        """Return the error (405) for a method that this path does not support. `allowed` lists those it supports."""
        return ArmError(
            405,
            "MethodNotAllowed",
            f"The requested resource does not support http method '{self.method[:20]}'. Use {', '.join(allowed)}.",
            headers={"Allow": ", ".join(allowed)},
        )


def _reject_number(text: str) -> None:
    """Reject `NaN` and `Infinity`: Python reads them, but they are not JSON, so no client could read them back."""
    raise ValueError(text)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        _reject_number(text)
    return number
