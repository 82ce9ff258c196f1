"""Programs that only try passwords, in a process of their own: `python -m benchmarks.scale.password_guessers PORT SECONDS`.

Each keeps a connection and sends the next guess as soon as the last one is answered, whatever the answer. They come from
addresses of their own, by the header that a proxy adds. Only to loopback.
"""

import http.client
import json
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlencode

from benchmarks.scale.web_load import CSRF

GUESSERS = 20
ACCOUNTS = 200  # every fourth exists
HASHED, REFUSED = 422, 429


@dataclass
class Guesses:
    """The answers to all guesses: how many of each status, 0 for a connection that broke."""

    answers: Counter[int] = field(default_factory=Counter)
    seconds: float = 0.0

    def __str__(self) -> str:
        answered = self.answers[HASHED] + self.answers[REFUSED]
        rate = answered / self.seconds if self.seconds else 0.0
        found = f"{rate:.0f} guesses a second, {self.answers[HASHED]} checked, {self.answers[REFUSED]} refused"
        others = {status: count for status, count in self.answers.items() if status not in (HASHED, REFUSED)}
        return f"{found}, errors {others}" if others else found

    @property
    def errors(self) -> int:
        return sum(count for status, count in self.answers.items() if status not in (HASHED, REFUSED))


def guess(port: int, number: int, until: float, answers: Counter[int]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    chance = random.Random(number)
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Cookie": f"csrftoken={CSRF}",
        "X-CSRFToken": CSRF,
        "X-Forwarded-For": f"198.51.100.{number + 1}",
    }
    while time.monotonic() < until:
        name = f"person-{chance.randrange(ACCOUNTS)}"
        body = urlencode({"username": name, "password": f"winter-{chance.random()}"})
        try:
            connection.request("POST", "/sign-in/", body, headers)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            answers[0] += 1
        else:
            answers[answer.status] += 1


@contextmanager
def guessing(port: int, seconds: float) -> Iterator[Guesses]:
    """Guess for that long beside the block. The numbers are complete after the block."""
    command = [sys.executable, "-m", "benchmarks.scale.password_guessers", str(port), str(seconds)]
    found = Guesses()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield found
        answers, _ = process.communicate(timeout=120)
    finally:
        process.kill()
    found.answers.update({int(status): count for status, count in json.loads(answers).items()})
    found.seconds += seconds


def main() -> None:
    port, seconds = int(sys.argv[1]), float(sys.argv[2])
    answers: Counter[int] = Counter()
    until = time.monotonic() + seconds
    threads = [threading.Thread(target=guess, args=(port, number, until, answers)) for number in range(GUESSERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
