"""HTTP requests to webhooks that decide CONNECTs, in a thread of their own with its own event loop.

The broker only puts a question into a queue; the answer is handed over in the broker's loop. One POST for each question, over
pooled TLS connections, with a time limit. No redirect is followed, no proxy of the environment is used, and every address is checked
after its name was resolved.

Nothing of a URL but its host is in a sentence: its path may hold a key.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import aiohttp

from emulator.authority import AuthorityError
from emulator.events.allowed_urls import WebhookUrlError, parse_webhook_url
from emulator.events.loop_thread import LoopThread
from emulator.events.webhook_client import AddressForbiddenError, client_session, webhook_context
from emulator.fault_rules import WebhookPlan
from emulator.mqtt.webhook.answers import MAX_ANSWER_BYTES, Answer, read_answer, unavailable
from emulator.mqtt.webhook.settings import WebhookOptions, WebhookSettings
from emulator.token_issuer import TokenIssuer

MAX_POOLED = 128  # connections to webhooks; more questions wait for one
MAX_WAITING = 20_000  # questions
_WRONG = b'{"decision": "perhaps"}'  # of the fault `webhook-wrong`
Then = Callable[[Answer], None]
logger = logging.getLogger("emulator.webhook")


@dataclass(frozen=True)
class Question:
    """One CONNECT for a webhook. `deadline` is on the clock of event loops."""

    settings: WebhookSettings
    body: bytes
    request_id: str
    deadline: float
    plan: WebhookPlan


class WebhookAsker:
    """Asks the webhooks of every namespace. Its thread starts with the first question."""

    def __init__(self, options: WebhookOptions, tokens: TokenIssuer) -> None:
        self.options = options
        self.plan_of: Callable[[str], WebhookPlan] = lambda namespace_id: WebhookPlan()
        self._tokens = tokens
        self._thread: _Asking | None = None
        self._is_stopped = False

    def ask(self, settings: WebhookSettings, namespace_id: str, body: bytes, request_id: str, then: Then) -> None:
        """Ask, and call `then` with the answer, later and in this event loop. Nothing here waits."""
        loop = asyncio.get_running_loop()
        if self._thread is None and not self._is_stopped:
            self._thread = _Asking(loop, self.options, self._tokens)
            self._thread.start()
        if self._thread is None or self._thread.waiting >= MAX_WAITING:
            loop.call_soon(then, unavailable("webhook-busy", "Too many clients wait for the webhook."))
            return
        deadline = loop.time() + self.options.seconds
        self._thread.put(Question(settings, body, request_id, deadline, self.plan_of(namespace_id)), then)

    def stop(self) -> None:
        """End the thread. Questions that wait get no answer."""
        self._is_stopped = True
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.stop()


class _Asking(LoopThread):
    """The thread with the requests. One signal between the threads stands for many questions or answers."""

    def __init__(self, broker: asyncio.AbstractEventLoop, options: WebhookOptions, tokens: TokenIssuer) -> None:
        super().__init__("webhook authentication")
        self.waiting = 0  # questions without an answer
        self._broker = broker
        self._options = options
        self._tokens = tokens
        self._questions: deque[tuple[Question, Then]] = deque()
        self._answers: deque[tuple[Then, Answer]] = deque()
        self._is_delivering = False  # `_deliver` is going to be called
        self._session: aiohttp.ClientSession | None = None
        self._refused_urls: dict[str, str] = {}  # why a URL may not be called, "" if it may

    # In the broker's loop

    def put(self, question: Question, then: Then) -> None:
        self.waiting += 1
        self._questions.append((question, then))
        self.wake()

    def _deliver(self) -> None:
        self._is_delivering = False  # first, so that later answers call again
        while self._answers:
            then, answer = self._answers.popleft()
            self.waiting -= 1
            then(answer)

    # In the thread

    async def _work(self) -> None:
        context = await asyncio.to_thread(webhook_context, self._options.ca)
        self._session = client_session(context, seconds=None, connections=MAX_POOLED)
        tasks: set[asyncio.Task[None]] = set()
        try:
            while not self._is_over:
                await self._next_wake()
                while self._questions:
                    task = self._loop.create_task(self._answer(*self._questions.popleft()))
                    tasks.add(task)
                    task.add_done_callback(tasks.discard)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._session.close()

    async def _answer(self, question: Question, then: Then) -> None:
        try:
            async with asyncio.timeout_at(question.deadline):
                answer = await self._ask(question)
        except TimeoutError:
            seconds = f"{self._options.seconds:g}"
            answer = unavailable("webhook-timeout", f"The webhook did not answer within {seconds} seconds.")
        except Exception:  # an error with one question must not stop the others
            logger.exception("could not ask a webhook")
            answer = unavailable("webhook-error", "The emulator could not ask the webhook. See its log.")
        self._answers.append((then, answer))
        if not self._is_delivering:
            self._is_delivering = True
            with contextlib.suppress(RuntimeError):  # the broker's loop is closed: nobody waits
                self._broker.call_soon_threadsafe(self._deliver)

    async def _ask(self, question: Question) -> Answer:
        settings, plan = question.settings, question.plan
        why = self._refused_urls.get(settings.url)
        if why is None:
            why = self._refused_urls[settings.url] = self._refusal_of(settings.url)
        if why:
            return unavailable("webhook-host", why)
        if plan.delay:
            await asyncio.sleep(plan.delay)
        if plan.is_down:
            return unavailable("webhook-unreachable", "The webhook could not be reached (a fault of the emulator).")
        if plan.is_wrong:
            return read_answer(200, _WRONG)
        if settings.tenant != self._tokens.tenant:
            return unavailable(
                "webhook-token",
                f"This emulator issues no tokens of the tenant {settings.tenant}. See tenant in the ready file.",
            )
        try:
            token = self._tokens.issue(audience=settings.audience, identity=settings.identity)
        except AuthorityError as error:
            logger.error("%s", error)
            return unavailable("webhook-token", "The emulator could not issue a token for the webhook. See its log.")
        answer = await self._post_twice(question, token)
        if answer.status == 401:
            self._tokens.forget(token)  # its key may have been rotated: the next one is new
        return answer

    def _refusal_of(self, url: str) -> str:
        try:
            self._options.allowed.check(url)
        except WebhookUrlError as error:
            if error.code not in ("none-allowed", "not-allowed"):
                return str(error)
            found = parse_webhook_url(url)
            return (
                f"This emulator may not call the host {found.host} at port {found.port}. Start it with --webhook-hosts"
                f" {found.host}:{found.port}."
            )
        return ""

    async def _post_twice(self, question: Question, token: str) -> Answer:
        """Post; once more if the webhook closed the connection before it answered: a pooled one may just have idled too long."""
        post = partial(self._post, question, token)
        try:
            try:
                return await post()
            except (aiohttp.ServerDisconnectedError, ConnectionResetError, BrokenPipeError):
                return await post()
        except AddressForbiddenError as error:
            return unavailable("webhook-host", str(error))
        except aiohttp.ClientConnectorCertificateError:
            return unavailable("webhook-unreachable", "The webhook's TLS certificate is not trusted. See --webhook-ca.")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if isinstance(error, TimeoutError):
                raise
            kind = type(error).__name__
            return unavailable("webhook-unreachable", f"The webhook could not be reached ({kind}).")

    async def _post(self, question: Question, token: str) -> Answer:
        assert self._session is not None
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "x-ms-client-request-id": question.request_id,
        }
        async with self._session.post(
            question.settings.url, data=question.body, headers=headers, allow_redirects=False
        ) as response:
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > MAX_ANSWER_BYTES:
                    response.close()
                    why = f"The webhook's answer has more than {MAX_ANSWER_BYTES:,} bytes."
                    return unavailable("webhook-answer", why, response.status)
            return read_answer(response.status, bytes(body))
