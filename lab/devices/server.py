"""The process's side: a listener on loopback that takes one request of one line, with the secret, and answers with one line."""

import asyncio
import hmac
import json
import logging
import secrets
import signal
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from django.db import Error

from lab.devices.address_file import Address, forget_address, write_address
from lab.devices.keeper import Bounds, EndpointOf, Keeper
from lab.devices.limits import MOST_CONNECTING, MOST_REQUEST, REQUEST_SECONDS
from lab.devices.problems import DeviceProblem

HOST = "127.0.0.1"
LOOK_EVERY = 1.0  # seconds, for devices to end
MOST_AT_ONCE = 64  # requests
AllowedAmong = Callable[[Collection[tuple[int, str]]], set[tuple[int, str]]]
logger = logging.getLogger(__name__)


async def serve(path: Path, endpoint_of: EndpointOf, allowed_among: AllowedAmong, bounds: Bounds) -> None:
    """Run devices until the process is asked to stop.

    `path`: where the address is left; `allowed_among`: returns those of the people and namespaces where the person may still have
    devices, and is called in a thread.
    """
    keeper = Keeper(endpoint_of, bounds)
    secret = secrets.token_urlsafe(32)
    desk = Desk(keeper, secret)
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(MOST_CONNECTING, "connect"))
    listener = await asyncio.start_server(desk.receive, HOST, 0, limit=MOST_REQUEST)
    async with listener:
        address = Address(listener.sockets[0].getsockname()[1], secret, time.time())
        write_address(path, address)
        watching = asyncio.create_task(_watch_rights(keeper, allowed_among))
        try:
            while not stopped.is_set():
                await keeper.end_the_idle()
                try:
                    await asyncio.wait_for(stopped.wait(), LOOK_EVERY)
                except TimeoutError:
                    continue
        finally:
            forget_address(path)
            watching.cancel()
            await keeper.end_all()


async def _watch_rights(keeper: Keeper, allowed_among: AllowedAmong) -> None:
    """End the devices of people who lost the right to them. While the database does not answer, devices stay."""
    is_answered = True
    with ThreadPoolExecutor(1, "rights") as thread:
        while True:
            await asyncio.sleep(LOOK_EVERY)
            places = keeper.places()
            if not places:
                continue
            try:
                allowed = await asyncio.get_running_loop().run_in_executor(thread, allowed_among, places)
            except Error as error:
                if is_answered:
                    logger.warning("The rights of people with devices cannot be read: %s", error)
                is_answered = False
            else:
                is_answered = True
                await keeper.end_in(places - allowed)


class Desk:
    """Takes requests. What is no request, or has another secret, is closed without an answer."""

    def __init__(self, keeper: Keeper, secret: str) -> None:
        self._keeper = keeper
        self._secret = secret.encode()
        self._free = asyncio.Semaphore(MOST_AT_ONCE)

    async def receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with self._free, asyncio.timeout(REQUEST_SECONDS):
                answer = await self._answer(await reader.readline())
                if answer is not None:
                    writer.write(json.dumps(answer, ensure_ascii=False).encode(errors="replace") + b"\n")
                    await writer.drain()
        except (OSError, ValueError, TimeoutError):  # also a line that is too long
            pass
        finally:
            writer.close()

    async def _answer(self, line: bytes) -> dict[str, Any] | None:
        asked = json.loads(line)
        if not isinstance(asked, Mapping) or not self._is_from_the_portal(asked):
            return None
        try:
            return {"answer": await self._keeper.perform(str(asked["command"]), asked)}
        except DeviceProblem as problem:
            return {"problem": problem.code, "sentence": problem.sentence}
        except (KeyError, TypeError):
            return {
                "problem": "bad-request",
                "sentence": "The portal asked for something that this version does not know.",
            }
        except Exception:
            logger.exception("A command failed")  # commands and keys are not in a traceback's text
            return {"problem": "failed", "sentence": "The device could not do this."}

    def _is_from_the_portal(self, asked: Mapping[str, Any]) -> bool:
        return hmac.compare_digest(str(asked.get("secret", "")).encode(), self._secret)
