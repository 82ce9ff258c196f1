"""Lists: `$top`, `$filter`, `$skiptoken` and `nextLink`."""

import base64
from binascii import Error as Base64Error
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from emulator.arm.requests.calls import Call
from emulator.arm.requests.errors import ArmError
from emulator.arm.requests.filters import Values, parse_filter
from emulator.arm.requests.responses import ArmResponse, rendered
from emulator.storage.resources import Resource

# Given an id, a condition and a limit, return at most `limit` resources after that id that meet the condition, by id.
Fetch = Callable[[str, Callable[[Resource], bool] | None, int], list[Resource]]


def list_page(
    call: Call,
    fetch: Fetch,
    *,
    default: int,
    most: int,
    filter_values: Callable[[Resource], Values],
    filter_on: tuple[str, ...],
    show: Callable[[Resource], Mapping[str, Any]] = rendered,
) -> ArmResponse:
    """Return one page of a list, with a `nextLink` if more follow.

    `default` and `most` are page sizes: without `$top`, and the largest allowed. `filter_on` lists the properties that
    `$filter` can use, and `filter_values` returns their values for a resource. Other query options are ignored.
    Raise `ArmError` (400) for a query that is not valid.

    Source: https://learn.microsoft.com/rest/api/eventgrid/controlplane/clients/list-by-namespace
    """
    top = _top(call.query.get("$top"), default, most)
    text = call.query.get("$filter", "").strip()
    accept = None
    if text:
        predicate = parse_filter(text, filter_on)

        def accept(resource: Resource) -> bool:
            return predicate(filter_values(resource))

    found = fetch(_start(call.query.get("$skiptoken")), accept, top + 1)
    body: dict[str, Any] = {"value": [show(resource) for resource in found[:top]]}
    if len(found) > top:
        token = base64.urlsafe_b64encode(found[top - 1].id.encode()).decode()
        query = {**{k: v for k, v in call.query.items() if k != "$skiptoken"}, "$skiptoken": token}
        body["nextLink"] = f"{call.origin}{call.target}?{urlencode(query)}"
    return ArmResponse(200, body)


def _top(text: str | None, default: int, most: int) -> int:
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= most):
        raise ArmError(400, "InvalidTop", f"$top must be an integer from 1 to {most}.", target="$top")
    return int(text)


def _start(token: str | None) -> str:
    """Return the id after which the page starts."""
    if not token:
        return ""
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except (Base64Error, ValueError) as error:
        raise ArmError(
            400,
            "InvalidSkipToken",
            "$skiptoken is not a token from this service. Follow nextLink.",
            target="$skiptoken",
        ) from error
