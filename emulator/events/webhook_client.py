"""HTTP requests to webhooks: the validation handshake and deliveries.

No redirect is followed, no proxy of the environment is used, and every address is checked after its name was resolved,
at each request. Nothing of a response is returned but its status and what the handshake needs.

Sources: https://learn.microsoft.com/azure/event-grid/end-point-validation-cloud-events-schema,
https://learn.microsoft.com/azure/event-grid/end-point-validation-event-grid-events-schema and CloudEvents'
"HTTP 1.1 Web Hooks for Event Delivery", section 4.
"""

import asyncio
import json
import secrets
import socket
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from emulator.events.allowed_urls import AllowedUrls, WebhookUrlError, is_callable
from emulator.events.life_cycle import LifeCycleEvent, azure_time
from emulator.events.schedule import SUCCESS, Outcome, Schedule
from emulator.events.subscription import CLOUD_EVENTS, EventSubscription

ORIGIN = "eventgrid.azure.net"
VALIDATION_EVENT = "Microsoft.EventGrid.SubscriptionValidationEvent"
MAX_RESPONSE_BYTES = 65_536  # of a response to the handshake; others are not read
MAX_CONNECTIONS = 64
_OUTCOMES = {400: "BadRequest", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 408: "TimedOut"}
_BUSY = frozenset({429, 503})


class AddressForbiddenError(OSError):
    """A name that resolves only to addresses that are never called."""


class CheckedResolver(AbstractResolver):
    """Resolves a host name to the addresses that may be called."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family)
        allowed = [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=port,
                family=kind,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _, protocol, _, address in found
            if is_callable(host.casefold().rstrip("."), str(address[0]))
        ]
        if not allowed:
            raise AddressForbiddenError(f"'{host}' has no address that the emulator calls.")
        return allowed

    async def close(self) -> None:
        """Nothing is kept open."""


def webhook_context(ca: Path | None) -> ssl.SSLContext:
    """Return the TLS context for webhooks. `ca`: a PEM file with certificates to trust besides the system's."""
    context = ssl.create_default_context()
    if ca is not None:
        context.load_verify_locations(ca)
    return context


def client_session(context: ssl.SSLContext, *, seconds: float | None, connections: int) -> aiohttp.ClientSession:
    """Return a session of pooled connections, for the loop that runs. `seconds`: for a whole request; None for no limit."""
    connector = aiohttp.TCPConnector(resolver=CheckedResolver(), limit=connections, use_dns_cache=False, ssl=context)
    return aiohttp.ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(total=seconds),
        trust_env=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        skip_auto_headers={"Accept-Encoding"},
    )


@dataclass(frozen=True)
class Handshake:
    """What a webhook answered to the validation request: granted, or to be granted by a callback, or why not."""

    is_granted: bool = False
    is_awaiting: bool = False
    rate: int = 0  # requests a minute; 0: any number
    reason: str = ""


class WebhookClient:
    """Requests to webhooks. Create it in the loop that uses it, and call `close` at the end."""

    def __init__(self, allowed: AllowedUrls, schedule: Schedule, context: ssl.SSLContext) -> None:
        self._allowed = allowed
        self._session = client_session(context, seconds=schedule.response_seconds, connections=MAX_CONNECTIONS)

    async def close(self) -> None:
        await self._session.close()

    # Deliveries

    async def deliver(self, subscription: EventSubscription, event: LifeCycleEvent, attempts: int) -> Outcome:
        """Send one event. `attempts` is the number of those before. Never raises for what a webhook does."""
        if subscription.schema == CLOUD_EVENTS:
            body, content_type = json.dumps(event.as_cloud_event()), "application/cloudevents+json; charset=utf-8"
            version = {"aeg-metadata-version": "1.0"}
        else:
            body, content_type = json.dumps([event.as_event_grid_event()]), "application/json; charset=utf-8"
            version = {"aeg-metadata-version": "1", "aeg-data-version": "1"}
        headers = {
            **_headers(subscription, "Notification", content_type),
            **version,
            "aeg-delivery-count": str(attempts),
        }
        try:
            async with self._request("POST", subscription.url, headers, body) as response:
                return _outcome_of(response)
        except (WebhookUrlError, AddressForbiddenError):
            return Outcome(0, "Forbidden")
        except TimeoutError:
            return Outcome(0, "TimedOut")
        except aiohttp.ClientConnectorDNSError:
            return Outcome(0, "ResolutionError")
        except (aiohttp.ClientError, OSError, ValueError):
            return Outcome(0, "SocketError")

    def _request(self, method: str, url: str, headers: dict[str, str], body: str = "") -> Any:
        self._allowed.check(url)  # the operator may allow less than when the subscription was created
        return self._session.request(method, url, headers=headers, data=body.encode() or None, allow_redirects=False)

    # The handshake

    async def validate(self, subscription: EventSubscription, code: str, callback: str) -> Handshake:
        """Ask a webhook for permission to send events. `code` and `callback` let it grant that."""
        try:
            if subscription.schema == CLOUD_EVENTS:
                return await self._ask_for_cloud_events(subscription, callback)
            return await self._ask_for_event_grid_events(subscription, code, callback)
        except WebhookUrlError as error:
            return Handshake(reason=str(error))
        except AddressForbiddenError as error:
            return Handshake(reason=str(error))
        except TimeoutError:
            return Handshake(reason="It did not answer in time.")
        except aiohttp.ClientConnectorCertificateError:
            return Handshake(reason="Its TLS certificate is not trusted. See --webhook-ca.")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Handshake(reason=f"It could not be reached ({type(error).__name__}).")

    async def _ask_for_cloud_events(self, subscription: EventSubscription, callback: str) -> Handshake:
        headers = {"WebHook-Request-Origin": ORIGIN, "WebHook-Request-Callback": callback}
        async with self._request("OPTIONS", subscription.url, headers) as response:
            origin = response.headers.get("WebHook-Allowed-Origin")
            if origin is not None and origin.strip().casefold() in ("*", ORIGIN):
                return Handshake(is_granted=True, rate=rate_of(response.headers.get("WebHook-Allowed-Rate")))
            if origin is None and response.status in (200, 202, 204):
                return Handshake(is_awaiting=True)
            said = "another origin" if origin is not None else f"status {response.status} and no WebHook-Allowed-Origin"
            return Handshake(reason=f"It answered the HTTP OPTIONS request with {said}.")

    async def _ask_for_event_grid_events(self, subscription: EventSubscription, code: str, callback: str) -> Handshake:
        event = {
            "id": secrets.token_hex(16),
            "topic": subscription.namespace_id,
            "subject": "",
            "data": {"validationCode": code, "validationUrl": callback},
            "eventType": VALIDATION_EVENT,
            "eventTime": azure_time(datetime.now(UTC)),
            "metadataVersion": "1",
            "dataVersion": "1",
        }
        headers = _headers(subscription, "SubscriptionValidation", "application/json; charset=utf-8")
        async with self._request("POST", subscription.url, headers, json.dumps([event])) as response:
            if response.status != 200:  # not even 202
                return Handshake(reason=f"It answered the validation event with status {response.status}.")
            answered = _validation_response(await response.content.read(MAX_RESPONSE_BYTES))
        if answered is None:
            return Handshake(is_awaiting=True)
        is_right = secrets.compare_digest(answered.encode(), code.encode())
        return Handshake(is_granted=is_right, reason="" if is_right else "It answered another validation code.")


def rate_of(text: str | None) -> int:
    """Return WebHook-Allowed-Rate as requests a minute, 0 for any number."""
    text = (text or "*").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _headers(subscription: EventSubscription, kind: str, content_type: str) -> dict[str, str]:
    return {
        "Content-Type": content_type,
        "WebHook-Request-Origin": ORIGIN,
        "aeg-event-type": kind,
        "aeg-subscription-name": subscription.name.upper(),
    }


def _outcome_of(response: aiohttp.ClientResponse) -> Outcome:
    status = response.status
    text = response.headers.get("Retry-After", "").strip()
    wait = float(text) if text.isascii() and text.isdigit() and len(text) < 7 else 0.0
    if status in _BUSY:
        return Outcome(status, "Busy", wait)
    return Outcome(status, "Delivered" if status in SUCCESS else _OUTCOMES.get(status, "Aborted"), wait)


def _validation_response(body: bytes) -> str | None:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    answered = found.get("validationResponse") if isinstance(found, dict) else None
    return answered if isinstance(answered, str) else None
