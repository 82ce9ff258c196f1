"""Devices that come for the first time: the database is asked in threads, so that no other CONNECT waits for it."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime

from django.db import Error, connection

from certificates.actions.first_contact.registering import Contact, Device, meet
from certificates.authentication.types import ClientRecord, Decision, NamespaceState, authentication_name_key
from certificates.decision_service.loading import LoadedNamespace
from certificates.decisions.first_contact import Newcomer, newcomer
from certificates.decisions.requests import ConnectRequest

THREADS = 4
SECONDS = 3.5  # for one device; Azure waits 5 seconds for the whole request


class DatabaseAwayError(Exception):
    """The database did not answer, or not in time. The new device must not be let in."""


class FirstContacts:
    """The threads of one process. Everything but `_meet` happens in the event loop."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="first-contact")

    def stop(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def meet(self, found: Newcomer, request: ConnectRequest) -> Contact:
        """Register a device or list it, as its template has it. What is returned is committed. Raise DatabaseAwayError.

        A device that is registered too late hears "Server unavailable" all the same, and is known when it tries again.
        """
        device = Device(found, request.chain, request.user_name or "")
        running = asyncio.get_running_loop().run_in_executor(self._threads, _meet, device)
        try:
            return await asyncio.wait_for(running, SECONDS)
        except (Error, TimeoutError) as fault:
            raise DatabaseAwayError(str(fault)) from fault


def _meet(device: Device) -> Contact:
    connection.close_if_unusable_or_obsolete()
    try:
        return meet(device)
    except Error:
        connection.close()
        raise


def newcomer_of(
    namespace: LoadedNamespace, request: ConnectRequest, decision: Decision, at: datetime
) -> Newcomer | None:
    """Return the device of a request that was refused for want of a client, where a template is about it."""
    if not namespace.parts.templates:
        return None
    return newcomer(
        decision,
        presented=request.presented,
        chain=request.chain,
        user_name=request.user_name,
        state=namespace.state,
        templates=namespace.parts.templates,
        at=at,
    )


def state_with(state: NamespaceState, client: ClientRecord) -> NamespaceState:
    """Return the state with this client alone, which the process has not read yet. What was read once is shared with it."""
    only = replace(state, clients={authentication_name_key(client.authentication_name): client}, index=None)
    only.__dict__["anchors"] = state.anchors
    return only
