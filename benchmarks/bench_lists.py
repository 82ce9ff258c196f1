"""The list of clients beside Django admin's changelist of the same rows, in the same process and run.

Parts: `sqlite` and `postgresql` measure BENCH_CLIENTS clients (default 100,000) on one database; `growth` compares 10,000 with
BENCH_MANY clients (default 1,000,000) on both, and runs only when it is named or BENCH_GROWTH is set: making the rows takes minutes.

Each page is asked for again and again, so numbers that are kept for two seconds (`portal.short_cache`) are mostly kept, as they are for
people who page through a list.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from benchmarks.lists.stage import analyze, by_turns, make_clients
from benchmarks.report import Measurement, report
from tests.support.servers.postgresql_and_redis import postgresql

CLIENTS = int(os.environ.get("BENCH_CLIENTS", "100000"))
FEW, MANY = 10_000, int(os.environ.get("BENCH_MANY", "1000000"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "9"))
FORMER_CSV_RATE = 6000  # rows a second before this benchmark was written: 5,000 to 7,000
ADMIN = "/beside/namespaces/client/"
MOST_QUERIES = 8
PREFIX = {"q": "sensor-00077"}
# What is asked of the list, of ours and of the admin's.
PAGES: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "first page": ({}, {}),
    "page 1,000": ({"page": "1000"}, {"p": "1000"}),
    "exact search": ({"q": "sensor-0007777"}, {"q": "sensor-0007777"}),
    "filter": ({"state": "Disabled"}, {"state__exact": "Disabled"}),
    "sort": ({"sort": "-last_seen"}, {"o": "-8"}),
}


@contextmanager
def database(vendor: str) -> Iterator[None]:
    """Set up Django on a new database of this kind."""
    with tempfile.TemporaryDirectory(prefix="bench-lists-") as folder:
        os.environ |= {"DJANGO_SETTINGS_MODULE": "benchmarks.lists.settings", "PORTAL_STATE_DIR": folder}
        if vendor == "sqlite":
            os.environ["DATABASE_URL"] = f"sqlite:///{Path(folder) / 'portal.sqlite3'}"
            _set_up()
            yield
            return
        with postgresql() as url:
            os.environ["DATABASE_URL"] = url
            _set_up()
            yield


def _set_up() -> None:
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


def browser_of_administrator() -> Any:
    """Return a browser in which an administrator has signed in, for both lists."""
    from django.test import Client as Browser

    from portal.models import User

    user = User(username="bench", is_superuser=True, is_staff=True)
    user.set_unusable_password()
    user.save()
    browser = Browser(headers={"host": "localhost"})
    browser.force_login(user)
    return browser


def _opened(browser: Any, url: str, query: dict[str, str]) -> Callable[[], Any]:
    address = f"{url}?{urlencode(query)}"

    def page() -> Any:
        answer = browser.get(address)
        assert answer.status_code == 200, (address, answer.status_code)
        return answer

    return page


def compared(vendor: str) -> Iterator[Measurement]:
    """Yield each page beside the admin's, the number of queries, and the rate of exports."""
    from tests.support.database.factories import make_namespace

    namespace = make_namespace("bench")
    make_clients(namespace, CLIENTS)
    analyze()
    browser = browser_of_administrator()
    ours = f"/namespaces/{namespace.pk}/clients/"
    what = f"{CLIENTS:,} clients, {vendor}"
    for name, (asked, of_admin) in PAGES.items():
        mine, theirs = by_turns(ROUNDS, _opened(browser, ours, asked), _opened(browser, ADMIN, of_admin))
        yield Measurement(f"lists {name} beside Django admin's ({what})", mine, " ms", 0.5, theirs)
    mine, theirs = by_turns(3, _opened(browser, ours, {"q": "0077.line"}), _opened(browser, ADMIN, {"q": "0077.line"}))
    yield Measurement(f"lists substring search beside Django admin's ({what})", mine, " ms", None, theirs)
    first, late = by_turns(ROUNDS, _opened(browser, ours, {}), _opened(browser, ours, {"page": "1000"}))
    yield Measurement(f"lists page 1,000 beside page 1 ({what})", late, " ms", 1.5, first)
    following = {"page": _next_of(browser, ours, {"page": "1000"})}
    first, late = by_turns(ROUNDS, _opened(browser, ours, {}), _opened(browser, ours, following))
    yield Measurement(f"lists the page that follows page 1,000 beside page 1 ({what})", late, " ms", 1.5, first)
    yield from _queries(browser, ours, what)
    for ending, goal in (("csv", 3.0), ("xlsx", None), ("json", None)):
        rate = _rate(browser, f"/namespaces/{namespace.pk}/clients.{ending}")
        more = Measurement(
            f"lists export {ending} ({what})", rate, " rows/s", goal, FORMER_CSV_RATE, more_is_better=True
        )
        yield more


def _next_of(browser: Any, url: str, query: dict[str, str]) -> str:
    """Return the place that *Next* on a page leads to."""
    found = re.search(r'page=([\w.-]+)" rel="next"', _opened(browser, url, query)().content.decode())
    assert found is not None
    return found[1]


def _queries(browser: Any, url: str, what: str) -> Iterator[Measurement]:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext, override_settings

    for name, (asked, _) in PAGES.items():
        page, counts = _opened(browser, url, asked), []
        for _ in range(4):
            with CaptureQueriesContext(connection) as made:
                page()
            counts.append(len(made))
        yield Measurement(f"lists queries of {name}, numbers kept ({what})", min(counts), "", MOST_QUERIES)
        with override_settings(SHORT_CACHE_SECONDS=0), CaptureQueriesContext(connection) as made:
            page()
        yield Measurement(f"lists queries of {name}, nothing kept ({what})", len(made), "", None)


def _rate(browser: Any, url: str) -> float:
    began = time.perf_counter()
    for _ in browser.get(url).streaming_content:
        pass
    return CLIENTS / (time.perf_counter() - began)


def grown(vendor: str) -> Iterator[Measurement]:
    """Yield each page of many clients beside that of few."""
    from tests.support.database.factories import make_namespace

    small, large = make_namespace("small"), make_namespace("large")
    make_clients(small, FEW)
    make_clients(large, MANY)
    analyze()
    browser = browser_of_administrator()
    pages = {**{name: ours for name, (ours, _) in PAGES.items()}, "page 150": {"page": "150"}, "prefix search": PREFIX}
    del pages["page 1,000"]
    for name, asked in pages.items():
        few, many = (_opened(browser, f"/namespaces/{each.pk}/clients/", asked) for each in (small, large))
        of_few, of_many = by_turns(ROUNDS, few, many)
        yield Measurement(f"lists {name} of {MANY:,} clients beside {FEW:,} ({vendor})", of_many, " ms", 1.5, of_few)


def main() -> int:
    chosen = sys.argv[1:] or ["sqlite", "postgresql", *(["growth"] if os.environ.get("BENCH_GROWTH") else [])]
    growth = ["growth-sqlite", "growth-postgresql"]
    chosen = [part for name in chosen for part in (growth if name == "growth" else [name])]
    if len(chosen) > 1:  # Django is set up once in a process
        command = [sys.executable, "-m", "benchmarks.bench_lists"]
        return max(subprocess.run([*command, part], check=False).returncode for part in chosen)
    vendor = chosen[0].removeprefix("growth-")
    with database(vendor):
        measure = grown if chosen[0].startswith("growth") else compared
        passed = [report(measurement) for measurement in measure(vendor)]
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
