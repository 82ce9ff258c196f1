"""The keys that sign tokens, for the control API: list them, and rotate them as Entra does now and then."""

import asyncio
import json

from aiohttp import web

from emulator.arm.requests.errors import ArmError, invalid
from emulator.token_issuer import TokenIssuer


async def signing_keys(method: str, segments: tuple[str, ...], issuer: TokenIssuer, body: bytes) -> web.Response:
    """Respond to GET and POST `/emulator/signing-keys`. Raise `ArmError`.

    A POST signs with a new key from now on. With `{"keepOld": false}` the keys before it are not published any more, so tokens
    that they signed are worth nothing.
    """
    if segments or method not in ("GET", "POST"):
        raise ArmError(404, "NotFound", "The control API has GET and POST /emulator/signing-keys.")
    if method == "POST":
        await asyncio.to_thread(issuer.rotate, keep=_keeps_old(body))
    keys = await asyncio.to_thread(issuer.published)
    return web.json_response({"issuer": issuer.issuer, "keys": [key["kid"] for key in keys]})


def _keeps_old(body: bytes) -> bool:
    try:
        members = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise invalid("The request content is not valid JSON.") from error
    if not isinstance(members, dict) or not members.keys() <= {"keepOld"}:
        raise invalid("Send a JSON object with 'keepOld', or nothing.")
    keeps = members.get("keepOld", True)
    if not isinstance(keeps, bool):
        raise invalid("'keepOld' must be true or false.", "keepOld")
    return keeps
