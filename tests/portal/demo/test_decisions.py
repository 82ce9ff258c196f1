"""The demo's decision service keeps its address over restarts, since namespaces in the emulator's store name it."""

from datetime import UTC, datetime
from pathlib import Path

from portal.demo.decisions import DemoDecisions
from portal.demo.state import HOST, listen

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def test_the_address_outlives_a_restart_and_a_busy_port_is_reported(tmp_path: Path) -> None:
    reports: list[str] = []

    def start() -> str:
        made = DemoDecisions(tmp_path / "decisions", wanted_port=0, now=NOW, report=reports.append)
        with made.listener:
            return made.url

    first = start()
    assert (start(), reports) == (first, [])
    with listen(int(first.rpartition(":")[2]), reports.append, "another program"):
        moved = start()
    assert moved != first
    assert moved.startswith(f"https://{HOST}:")
    assert len(reports) == 1
