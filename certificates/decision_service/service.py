"""What one process knows, and how it decides with it. Everything here happens in the event loop."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from django.conf import settings

from certificates.actions.first_contact.registering import Outcome
from certificates.authentication.engine import authenticate
from certificates.authentication.types import Decision, NamespaceState
from certificates.decision_service.first_contacts import DatabaseAwayError, FirstContacts, newcomer_of, state_with
from certificates.decision_service.following import Follower, News
from certificates.decision_service.loading import LoadedNamespace, Parts
from certificates.decision_service.messages import message_of
from certificates.decision_service.remembered import CheckedTokens, key_of
from certificates.decision_service.tenant_keys import Authority, TenantKeys
from certificates.decisions.answers import answer_of, session_end
from certificates.decisions.first_contact import Newcomer, explained
from certificates.decisions.requests import ConnectRequest
from certificates.decisions.tokens import (
    CheckedToken,
    ExpectedCaller,
    TokenError,
    UnknownKeyError,
    bearer_token,
    check_token,
)

RENEWALS_EVERY = 1.0  # seconds, to see which keys are due
logger = logging.getLogger(__name__)


class NotReadyError(Exception):
    """This process cannot decide now: it has read nothing yet, or the database has been away for too long."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Decided:
    """A decision about one CONNECT, with the answer for the namespace. `at`: when, by the clock.

    One that was remembered has no trace, but `remembered`: the whole decision, as it is recorded.
    """

    decision: Decision
    answer: Mapping[str, Any]
    at: datetime
    remembered: bytes = b""
    first_contact: str = ""  # what came of it, "" where it was none

    @property
    def recorded(self) -> bytes:
        """The decision with its trace, as `message_of` returns it."""
        return self.remembered or message_of(self.decision)


class Service:
    """The namespaces and keys of one process."""

    def __init__(self) -> None:
        self._keys = TenantKeys(Authority(settings.DECISIONS_AUTHORITY, settings.DECISIONS_AUTHORITY_CA))
        self._tokens = CheckedTokens()
        self._by_pk: dict[int, LoadedNamespace] = {}
        self._by_key: dict[str, LoadedNamespace] = {}
        self._read_at: float | None = None
        self.generation = 0  # counts what was taken
        self._follower: Follower | None = None
        self._renewing: asyncio.Task[None] | None = None
        self._first_contacts = FirstContacts()

    # Life

    def start(self) -> None:
        loop = asyncio.get_running_loop()

        def take(news: News) -> None:
            asyncio.run_coroutine_threadsafe(self._take_in_loop(news), loop).result()

        self._follower = Follower(take)
        self._follower.start()
        self._renewing = loop.create_task(self._renew_keys())

    async def stop(self) -> None:
        if self._renewing is not None:
            self._renewing.cancel()
        if self._follower is not None:
            self._follower.stop()
            await asyncio.to_thread(self._follower.join, 5.0)
        self._first_contacts.stop()

    async def _renew_keys(self) -> None:
        while True:
            self._keys.renew(tenant for each in self._by_pk.values() for tenant in each.parts.tenants)
            await asyncio.sleep(RENEWALS_EVERY)

    # State

    async def _take_in_loop(self, news: News) -> None:
        self.take(news)

    def take(self, news: News) -> None:
        """Use what was read. No request sees a part of it."""
        for pk in news.gone:
            del self._by_pk[pk]
        self._by_pk |= news.whole
        for pk, parts in news.parts.items():
            self._by_pk[pk].take_parts(parts)
        for pk, clients in news.clients.items():
            self._by_pk[pk].take_clients(clients)
        if news.whole or news.parts or news.clients or news.gone:
            self.generation += 1
            self._by_key = {each.parts.key: each for each in self._by_pk.values()}
            self._keys.renew(tenant for each in self._by_pk.values() for tenant in each.parts.tenants)
        self._read_at = news.read_at

    def check_ready(self) -> None:
        """Raise NotReadyError where this process must not decide: never from a state that is older than allowed."""
        if self._read_at is None:
            raise NotReadyError("not-loaded")
        if time.monotonic() - self._read_at > settings.DECISIONS_OUTAGE_SECONDS:
            raise NotReadyError("database-away")

    def namespace(self, key: str) -> LoadedNamespace | None:
        """Return the namespace of an address, or None where there is none. Raise NotReadyError."""
        self.check_ready()
        return self._by_key.get(key)

    # Requests

    async def check_caller(self, namespace: LoadedNamespace, header: str) -> CheckedToken:
        """Return what the token says, where it is the namespace's. Raise TokenError, NotReadyError."""
        return await self._check(bearer_token(header), namespace.parts.callers)

    async def check_prober(self, namespace: LoadedNamespace, header: str, audience: str) -> CheckedToken:
        """Return what the token says, where it is of a service principal that may probe. Raise TokenError, NotReadyError.

        `audience`: what the portal is going to configure, where it is not configured yet.
        """
        probers = [replace(each, audience=each.audience or audience) for each in namespace.parts.probers]
        return await self._check(bearer_token(header), [each for each in probers if each.audience])

    async def _check(self, token: str, expected: Sequence[ExpectedCaller]) -> CheckedToken:
        try:
            return self._checked(token, expected)
        except UnknownKeyError:
            tenants = {each.tenant for each in expected}
            refreshed = [await self._keys.refresh_for_unknown_key(tenant) for tenant in sorted(tenants)]
            if not any(refreshed):
                raise
            return self._checked(token, expected)

    def _checked(self, token: str, expected: Sequence[ExpectedCaller]) -> CheckedToken:
        refusal: TokenError | None = None
        is_unread = False
        now = datetime.now(UTC)
        for each in expected:
            keys = self._keys.of(each.tenant)
            if keys is None:  # a tenant that is wished for and wrong must not stop the one that Azure has
                is_unread = True
                continue
            known = self._tokens.of(token, keys, each, now)
            if known is not None:
                return known
            try:
                checked = check_token(token, keys=keys, expected=each, at=now)
            except TokenError as fault:
                refusal = refusal or fault
            else:
                self._tokens.keep(token, keys, each, checked)
                return checked
        if is_unread:
            raise NotReadyError("keys-not-read")
        raise refusal or TokenError("token-principal")

    def decide(self, namespace: LoadedNamespace, request: ConnectRequest) -> Decided:
        """Decide about a CONNECT with what is known now."""
        parts, now = namespace.parts, datetime.now(UTC)
        at, key = now + parts.ahead, key_of(request)
        known = namespace.accepted.of(key, at)
        if known is not None:
            decision, recorded, ends_at = known.decision, known.recorded, known.session_ends
        else:
            decision, recorded, ends_at = self._decided(namespace, request, key, at)
        return replace(_answered(parts, decision, ends_at, now), remembered=recorded)

    def newcomer(self, namespace: LoadedNamespace, request: ConnectRequest, decided: Decided) -> Newcomer | None:
        """Return the device that was refused for want of a client, where a CA certificate may register it."""
        return newcomer_of(namespace, request, decided.decision, decided.at + namespace.parts.ahead)

    async def meet(
        self, namespace: LoadedNamespace, request: ConnectRequest, refused: Decided, found: Newcomer
    ) -> Decided:
        """Decide about a device without a client. It is let in only where its client is committed. Raise NotReadyError."""
        if not found.may_be_registered:
            return _refused(namespace.parts, refused, Outcome.REFUSED, found.sentence)
        try:
            contact = await self._first_contacts.meet(found, request)
        except DatabaseAwayError as fault:
            logger.warning("A device was not registered on first contact: %s", fault)
            raise NotReadyError("database-away") from fault
        now = self.namespace(namespace.parts.key)  # rules may have changed meanwhile
        if now is None or contact.outcome == Outcome.CHANGED:
            raise NotReadyError("changed-meanwhile")
        if contact.client is None:
            return _refused(now.parts, refused, contact.outcome, contact.sentence)
        at = datetime.now(UTC)
        decision, ends_at = _decide(state_with(now.state, contact.client), request, at + now.parts.ahead)
        if decision.accepted and contact.outcome == Outcome.REGISTERED:
            decision = explained(decision, contact.outcome, contact.sentence)
        return replace(_answered(now.parts, decision, ends_at, at), first_contact=contact.outcome.value)

    def _decided(
        self, namespace: LoadedNamespace, request: ConnectRequest, key: tuple[bytes, str | None], at: datetime
    ) -> tuple[Decision, bytes, datetime | None]:
        state, recorded = namespace.state, b""
        decision, ends_at = _decide(state, request, at)
        if decision.accepted:
            recorded = message_of(decision)
            namespace.accepted.keep(key, decision, recorded, ends_at, state, at)
        return decision, recorded, ends_at


def _decide(state: NamespaceState, request: ConnectRequest, at: datetime) -> tuple[Decision, datetime | None]:
    """Return the decision, and the moment at which the session ends."""
    decision = authenticate(
        presented=request.presented, chain=request.chain, user_name=request.user_name, state=state, at=at
    )
    ders = [] if request.presented is None else [request.presented, *request.chain]
    return decision, session_end(decision, ders, state, at=at)


def _answered(parts: Parts, decision: Decision, ends_at: datetime | None, now: datetime) -> Decided:
    """Return the decision with its answer. `ends_at`: when the session ends without the namespace's longest one."""
    if parts.longest is not None and decision.accepted:
        at = now + parts.ahead
        ends_at = min(ends_at or at + parts.longest, at + parts.longest)
    attributes = decision.client.attributes if decision.client is not None else {}
    answer = answer_of(decision, attributes=attributes, expires_at=ends_at and ends_at - parts.ahead)
    return Decided(decision, answer, now)


def _refused(parts: Parts, decided: Decided, outcome: Outcome, sentence: str) -> Decided:
    decision = explained(decided.decision, outcome, sentence)
    return replace(_answered(parts, decision, None, decided.at), first_contact=outcome.value)
