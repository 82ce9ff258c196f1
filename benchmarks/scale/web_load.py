"""People who use the portal: signed-in sessions, the pages they open, and how long each takes. Only to loopback."""

import http.client
import random
import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from tests.support.browser.form_rows import posted_rows

CSRF = "c" * 32
CREATED = "CREATED"  # a number of its own for each client that a walk creates


@dataclass(frozen=True)
class Step:
    """One request of a walk. `weight`: how often it is made beside the others."""

    page: str
    path: str
    weight: int
    form: dict[str, str] = field(default_factory=dict)


def steps(pk: int) -> list[Step]:
    """Return what people open in a namespace with 10,000 clients."""
    place = f"/namespaces/{pk}"
    new = {
        "name": f"new-{CREATED}",
        "authentication_name": f"new-{CREATED}",
        "validation_scheme": "SubjectMatchesAuthenticationName",
        "state": "Enabled",
        **posted_rows("attributes", []),
    }
    return [
        Step("namespaces", "/namespaces/", 6),
        Step("overview", f"{place}/", 8),
        Step("clients", f"{place}/clients/", 16),
        Step("clients, page 150", f"{place}/clients/?page=150&sort=-name", 4),
        Step("clients, filtered", f"{place}/clients/?q=sensor-0077", 8),
        Step("client", f"{place}/clients/sensor-00777/", 20),
        Step("client's activity", f"{place}/clients/sensor-00777/activity/", 4),
        Step("edit client", f"{place}/clients/sensor-00777/update/", 6),
        Step("create client", f"{place}/create-client/", 4, new),
        Step("CA certificates", f"{place}/ca-certificates/", 6),
        Step("connections", f"{place}/connections/", 6),
        Step("activity", f"{place}/activity/", 6),
        Step("Sync", f"{place}/sync/", 6),
        Step("Drift", f"{place}/drift/", 4),
        Step("search", f"/search/?q=00777&namespace={pk}", 6),
        Step("clients.csv", f"{place}/clients.csv", 1),
        Step("access control", f"{place}/access-control/", 4),
        Step("who can", f"{place}/access-control/who/", 2),
        Step("account", "/account/", 3),
        Step("sessions", "/account/sessions/", 1),
        Step("notification preferences", "/account/notifications/", 1),
        Step("notifications", "/notifications/", 4),
        Step("ask for access", "/namespaces/ask-for-access/", 1),
    ]


def administration() -> list[Step]:
    """Return what administrators open beside that."""
    return [
        Step("people", "/people/", 8),
        Step("people, filtered", "/people/?q=person-1&state=active", 4),
        Step("person", "/people/7/", 6),
        Step("teams", "/teams/", 4),
        Step("team", "/teams/1/", 4),
        Step("activity of the portal", "/namespaces/activity/", 6),
        Step("outbox", "/outbox/", 3),
        Step("webhooks", "/webhooks/", 3),
    ]


@dataclass
class Results:
    """Seconds of each page, and what went wrong."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: list[str] = field(default_factory=list)

    def p95(self, page: str | None = None) -> float:
        found = self.seconds[page] if page else [each for took in self.seconds.values() for each in took]
        return statistics.quantiles(found, n=20, method="inclusive")[-1] if len(found) > 1 else found[0]

    def add(self, more: "Results") -> None:
        for page, took in more.seconds.items():
            self.seconds[page] += took
        self.errors += more.errors

    @property
    def count(self) -> int:
        return sum(len(took) for took in self.seconds.values())


class Person:
    """A signed-in browser with one connection that it keeps."""

    def __init__(self, port: int, session: str, seed: int, pk: int, *, is_administrator: bool = False) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._cookie = f"sessionid={session}; csrftoken={CSRF}"
        self._random = random.Random(seed)
        self._steps = steps(pk) + (administration() if is_administrator else [])
        self._seed, self._created = seed, 0

    def leave(self) -> None:
        self._connection.close()

    def walk(self) -> Iterator[Step]:
        weights = [step.weight for step in self._steps]
        while True:
            yield self._random.choices(self._steps, weights)[0]

    def open(self, step: Step) -> str:
        """Make the request and read all of the answer; return what is wrong with it, or ""."""
        headers = {"Cookie": self._cookie, "X-Forwarded-For": "203.0.113.7"}
        body = None
        if step.form:
            self._created += 1
            own = f"{self._seed}-{self._created}"
            body = urlencode({key: value.replace(CREATED, own) for key, value in step.form.items()})
            headers |= {"Content-Type": "application/x-www-form-urlencoded", "X-CSRFToken": CSRF}
        try:
            self._connection.request("POST" if body else "GET", step.path, body, headers)
            answer = self._connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as fault:
            self._connection.close()
            return f"{step.page}: {type(fault).__name__}"
        return "" if answer.status == (302 if body else 200) else f"{step.page}: {answer.status}"


def closed_loop(people: Sequence[Person], seconds: float) -> float:
    """Let each person open one page after the other; return the pages a second. Raise AssertionError on an error."""
    until = time.monotonic() + seconds
    results = Results()

    def use(person: Person) -> None:
        for step in person.walk():
            if time.monotonic() >= until:
                return
            fault = person.open(step)
            if fault:
                results.errors.append(fault)
            else:
                results.seconds[step.page].append(0.0)

    began = time.monotonic()
    _together(people, use)
    assert not results.errors, results.errors[:5]
    return results.count / (time.monotonic() - began)


def open_loop(people: Sequence[Person], seconds: float, rate: float) -> Results:
    """Make `rate` requests a second however long they take, by turns; a page's time begins when it was due."""
    results = Results()
    began = time.monotonic()

    def use(person: Person) -> None:
        walk = person.walk()
        for number in range(people.index(person), int(seconds * rate), len(people)):
            due = began + number / rate
            time.sleep(max(due - time.monotonic(), 0))
            step = next(walk)
            fault = person.open(step)
            if fault:
                results.errors.append(fault)
            results.seconds[step.page].append(time.monotonic() - due)
        person.leave()  # before the server closes the idle connection

    _together(people, use)
    return results


def bare_loop(port: int, threads: int, seconds: float) -> float:
    """Return the requests a second that the bare view answers."""
    until = time.monotonic() + seconds
    counts = [0] * threads

    def use(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        while time.monotonic() < until:
            connection.request("GET", "/")
            answer = connection.getresponse()
            assert answer.read() == b"ok"
            counts[number] += 1
        connection.close()

    _together(range(threads), use)
    return sum(counts) / seconds


def _together(each: Sequence[Any], use: Callable[[Any], None]) -> None:
    threads = [threading.Thread(target=use, args=(one,)) for one in each]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
