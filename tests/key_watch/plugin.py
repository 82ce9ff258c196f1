"""A pytest plugin that searches for private keys left behind: those of the fixtures and those of sample certificates.

After each test it searches the output and logs, the database before its rollback, and the broker's messages. At the end of
the run it searches all temporary files of this process, where demos and emulators keep their state, stores and logs.
"""

from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings
from django.db import connections

from certificates.samples import certificates as sample_building
from certificates.samples import chain
from tests.certificates.uploads.brought_secrets import watch_brought_keys
from tests.key_watch.traces import KeyTraces
from tests.support.servers import own_broker

TRACES = KeyTraces()
_LEFT = pytest.StashKey[list[str]]()
_PAGE = 4096  # bytes: a page of SQLite
KEYS_LEFT = 9  # exit code: apart from that of tests that failed, which `make test-future` runs again
_PAGES = 64 * _PAGE
_SEARCHED: dict[str, bytes] = {}  # by database, what was searched last


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_LEFT] = []
    watch_brought_keys(TRACES)
    config.add_cleanup(_learn_sample_keys())


def _learn_sample_keys() -> Callable[[], None]:
    """Record each sample key that is made, without changing it. Return the function that stops this."""
    make, patch = sample_building.new_key, pytest.MonkeyPatch()

    def made() -> ec.EllipticCurvePrivateKey:
        key = make()
        TRACES.add(key)
        return key

    patch.setattr(chain, "new_key", made)
    return patch.undo


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, None, None]:
    """Search before any fixture ends: the database is rolled back in a moment."""
    places: dict[str, bytes] = {}
    fixtures = set(getattr(item, "fixturenames", ()))
    if item.get_closest_marker("django_db") or {"db", "transactional_db"} & fixtures:
        places |= {f"database {name}": data for name, data in _new_pages()}
    broker = Path(settings.BROKER_DIR)
    for path in broker.rglob("*") if broker.is_dir() else ():
        if path.is_file():
            places[path.name] = path.read_bytes()
    places["messages of the broker"] = b"\n".join(own_broker.take_messages(own_broker.queue_of_this_process()))
    found = [place for place, data in places.items() if TRACES.found_in(data)]
    yield
    assert not found, f"A private key is left in {', '.join(found)}."


def _new_pages() -> Iterator[tuple[str, bytes]]:
    """Yield the name of each SQLite database and its pages, without those that were searched after the previous test."""
    for name in connections:
        raw: Any = connections[name].connection
        if raw is None or connections[name].vendor != "sqlite":
            continue
        data, searched = raw.serialize(), _SEARCHED.get(name, b"")
        yield name, b"".join(_unlike(data, searched))
        _SEARCHED[name] = data


def _unlike(data: bytes, before: bytes) -> Iterator[bytes]:
    """Yield the pages that are not as before at their place. Most are, so that many are compared at once."""
    for start in range(0, len(data), _PAGES):
        block, known = data[start : start + _PAGES], before[start : start + _PAGES]
        if block != known:
            pages = (slice(at, at + _PAGE) for at in range(0, len(block), _PAGE))
            yield from (block[page] for page in pages if block[page] != known[page])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    report: Any = yield
    for title, text in report.sections:
        if TRACES.found_in(text.encode(errors="replace")):
            item.config.stash[_LEFT].append(f"{title} of {item.nodeid}")
    return report


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Search the files: in a parallel run each process its own ones, and the controller gathers the results."""
    config, left = session.config, session.config.stash[_LEFT]
    folders = [Path(settings.STATE_DIR)]
    factory = getattr(config, "_tmp_path_factory", None)
    is_controller = config.pluginmanager.hasplugin("dsession")  # the workers search their own files
    if factory is not None and factory._basetemp is not None and not is_controller:
        folders.append(factory._basetemp)
    left += [f"the file {path}" for path in TRACES.files_with_keys(folders)]
    if hasattr(config, "workeroutput"):
        config.workeroutput["keys_left"] = left
    elif left:
        session.exitstatus = KEYS_LEFT


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    node.config.stash[_LEFT] += getattr(node, "workeroutput", {}).get("keys_left", [])


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    for place in config.stash[_LEFT]:
        terminalreporter.write_line(f"A private key is left in {place}.", red=True)
