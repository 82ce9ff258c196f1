"""One ARM call and its answer, free of HTTP machinery; what every operation needs to read and to write."""

import base64
import json
import math
import re
from binascii import Error as Base64Error
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from emulator.arm.requests.errors import ArmError
from emulator.arm.requests.filters import Values, parse_filter
from emulator.arm.requests.paths import ArmPath
from emulator.fault_rules import Fault
from emulator.storage.store import Resource

API_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(-preview|-beta)?", re.ASCII)


@dataclass(frozen=True)
class Answer:
    status: int
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Call:
    method: str
    path: ArmPath
    query: Mapping[str, str]
    body: bytes = b""
    origin: str = ""  # "https://host:port", for links
    target: str = ""  # the raw path, for links
    caller: str = ""  # the client id, for systemData
    operation: Fault | None = None  # answer a write by a long-running operation, in this way
    stale: float = 0.0  # seconds that reads do not see this write

    @property
    def api_version(self) -> str:
        return self.query.get("api-version", "")

    def require_api_version(self, known: tuple[str, ...] = ()) -> None:
        """Refuse a call without `api-version`, or with one that is malformed or not among `known`."""
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
        """The JSON object in the body."""
        try:
            members = json.loads(self.body.decode("utf-8-sig"), parse_constant=_no_number, parse_float=_number)
        except (ValueError, RecursionError) as error:
            raise ArmError(400, "InvalidRequestContent", "The request content is not valid JSON.") from error
        if not isinstance(members, dict):
            raise ArmError(400, "InvalidRequestContent", "The request content must be a JSON object.")
        return members

    def refuse_method(self, *allowed: str) -> ArmError:
        return ArmError(
            405,
            "MethodNotAllowed",
            f"The requested resource does not support http method '{self.method[:20]}'. Use {', '.join(allowed)}.",
            headers={"Allow": ", ".join(allowed)},
        )


def _no_number(text: str) -> None:
    """`NaN` and `Infinity`, which Python reads and JSON does not know: an answer with them could not be read."""
    raise ValueError(text)


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        _no_number(text)
    return number


def system_data(caller: str, existing: Resource | None) -> dict[str, str]:
    """Who wrote a resource and when; the creation stays."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z"  # ARM shows seven digits
    created = {"createdBy": caller, "createdByType": "Application", "createdAt": now}
    kept = {key: existing.system_data.get(key, value) for key, value in created.items()} if existing else created
    return {**kept, "lastModifiedBy": caller, "lastModifiedByType": "Application", "lastModifiedAt": now}


def rendered(resource: Resource) -> dict[str, Any]:
    """A resource as ARM answers it."""
    shown = {"systemData": dict(resource.system_data)} if resource.system_data else {}
    return {**resource.body, **shown, "id": resource.id, "name": resource.name, "type": resource.type}


Fetch = Callable[[str, Callable[[Resource], bool] | None, int], list[Resource]]


def page(
    call: Call,
    fetch: Fetch,
    *,
    default: int,
    most: int,
    filter_values: Callable[[Resource], Values],
    filter_on: tuple[str, ...],
    show: Callable[[Resource], Mapping[str, Any]] = rendered,
) -> Answer:
    """One page of a list, by `$top`, `$filter` and `$skiptoken`; `nextLink` when there is more.

    `fetch(after, accept, limit)` answers resources behind an id, in order.
    """
    top = _top(call.query.get("$top"), default, most)
    text = call.query.get("$filter", "").strip()
    accept = None
    if text:
        predicate = parse_filter(text, filter_on)

        def accept(resource: Resource) -> bool:
            return predicate(filter_values(resource))

    found = fetch(_after(call.query.get("$skiptoken")), accept, top + 1)
    answer: dict[str, Any] = {"value": [show(resource) for resource in found[:top]]}
    if len(found) > top:
        token = base64.urlsafe_b64encode(found[top - 1].id.encode()).decode()
        query = {**{k: v for k, v in call.query.items() if k != "$skiptoken"}, "$skiptoken": token}
        answer["nextLink"] = f"{call.origin}{call.target}?{urlencode(query)}"
    return Answer(200, answer)


def _top(text: str | None, default: int, most: int) -> int:
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= most):
        raise ArmError(400, "InvalidTop", f"$top must be an integer from 1 to {most}.", target="$top")
    return int(text)


def _after(token: str | None) -> str:
    if not token:
        return ""
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except (Base64Error, ValueError) as error:
        raise ArmError(
            400,
            "InvalidSkipToken",
            "$skiptoken is not one that this service gave. Follow nextLink.",
            target="$skiptoken",
        ) from error
