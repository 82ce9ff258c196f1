"""The keys with which a tenant signs tokens: fetched from the authority, renewed every hour, and kept while it is away."""

import asyncio
import base64
import binascii
import http.client
import logging
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from typing import IO, Any
from urllib.parse import quote, urlsplit

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers

from certificates.decisions.json_text import StrictJSONError, read_object

RENEW_SECONDS = 3600.0
RETRY_SECONDS = 3.0  # after a renewal that failed
UNKNOWN_KEY_SECONDS = 60.0  # between two requests because of an unknown key
FETCH_SECONDS = 5.0
MOST_BYTES = 1_048_576
LOOPBACK = ("127.0.0.1", "localhost", "::1")

Keys = Mapping[str, RSAPublicKey]
logger = logging.getLogger(__name__)


class KeysUnreadableError(Exception):
    """The authority did not answer with keys. The sentence has no part of its answer."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> None:
        return None


class Authority:
    """The server that issues tokens. `ca`: a PEM file of the authority of its TLS certificate; "" for the public ones."""

    def __init__(self, url: str, ca: str = "") -> None:
        self.url = url.rstrip("/")
        self._ca = ca

    def fetch(self, tenant: str) -> Keys:
        """Return the keys that a tenant publishes. Raise KeysUnreadableError."""
        address = f"{self.url}/{quote(tenant, safe='')}/discovery/v2.0/keys"
        parts = urlsplit(address)
        if parts.scheme != "https" and parts.hostname not in LOOPBACK:
            raise KeysUnreadableError("The authority has no HTTPS address.")
        try:
            tls = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=self._ca or None))
            with urllib.request.build_opener(tls, _NoRedirects).open(address, timeout=FETCH_SECONDS) as answer:
                text = answer.read(MOST_BYTES + 1)
        except (OSError, ValueError, http.client.HTTPException) as fault:
            raise KeysUnreadableError(f"The authority does not answer: {fault}") from fault
        keys = read_keys(text)
        if not keys:
            raise KeysUnreadableError("The authority has published no RSA keys for this tenant.")
        return keys


def read_keys(text: bytes) -> Keys:
    """Return the RSA keys for signatures of a JSON Web Key Set, by their `kid`. Other keys are left out.

    Raise KeysUnreadableError. Source: RFC 7517.
    """
    try:
        listed = read_object(text).get("keys") if len(text) <= MOST_BYTES else None
    except StrictJSONError as fault:
        raise KeysUnreadableError("The authority's answer is not JSON.") from fault
    if not isinstance(listed, list):
        raise KeysUnreadableError("The authority's answer is not a set of keys.")
    found = {}
    for each in listed:
        if isinstance(each, dict) and each.get("kty") == "RSA" and each.get("use", "sig") == "sig":
            key = _rsa_key(each)
            if key is not None and isinstance(each.get("kid"), str):
                found[each["kid"]] = key
    return found


def _rsa_key(published: Mapping[str, Any]) -> RSAPublicKey | None:
    try:
        return RSAPublicNumbers(_number(published["e"]), _number(published["n"])).public_key()
    except (KeyError, TypeError, ValueError, binascii.Error):
        return None


def _number(text: str) -> int:
    return int.from_bytes(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_"), "big")


class TenantKeys:
    """The keys of the tenants whose namespaces ask. Everything but the fetching happens in the event loop."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        self._keys: dict[str, Keys] = {}
        self._fetched_at: dict[str, float] = {}
        self._asked_at: dict[str, float] = {}
        self._unknown_at: dict[str, float] = {}  # when they were asked for because of an unknown key
        self._is_away: set[str] = set()
        self._running: dict[str, asyncio.Task[bool]] = {}

    def of(self, tenant: str) -> Keys | None:
        """Return the keys that were read last, or None where none have been read yet."""
        return self._keys.get(tenant.lower())

    async def refresh_for_unknown_key(self, tenant: str) -> bool:
        """Read the keys again because a token names another one, at most once a minute. Return whether they were read."""
        tenant = tenant.lower()
        running = self._running.get(tenant)
        if running is not None:
            return await asyncio.shield(running)
        unknown_at = self._unknown_at.get(tenant)
        if unknown_at is not None and time.monotonic() - unknown_at < UNKNOWN_KEY_SECONDS:
            return False
        self._unknown_at[tenant] = time.monotonic()
        return await asyncio.shield(self._fetch(tenant))

    def renew(self, tenants: Iterable[str]) -> None:
        """Begin to read the keys of tenants that are due."""
        now = time.monotonic()
        for tenant in {each.lower() for each in tenants if each}:
            fetched, asked = self._fetched_at.get(tenant), self._asked_at.get(tenant)
            is_due = fetched is None or now - fetched >= RENEW_SECONDS
            if is_due and tenant not in self._running and (asked is None or now - asked >= RETRY_SECONDS):
                self._fetch(tenant)

    def _fetch(self, tenant: str) -> "asyncio.Task[bool]":
        self._asked_at[tenant] = time.monotonic()
        task = asyncio.get_running_loop().create_task(self._fetched(tenant))
        self._running[tenant] = task
        return task

    async def _fetched(self, tenant: str) -> bool:
        try:
            self._keys[tenant] = await asyncio.to_thread(self._authority.fetch, tenant)
        except KeysUnreadableError as fault:
            if tenant not in self._is_away:
                kept = "The former ones are kept." if tenant in self._keys else "Without them every request gets 503."
                logger.warning("The keys of tenant %s cannot be read. %s %s", tenant, kept, fault)
            self._is_away.add(tenant)
            return False
        else:
            self._fetched_at[tenant] = time.monotonic()
            self._is_away.discard(tenant)
            return True
        finally:
            del self._running[tenant]
