"""A clock that stands still, so that no test meets the end of a minute or of a window of a rate limit."""

from datetime import UTC, datetime

import pytest

NOON = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portal.sign_in.rate_limits.clock", NOON.timestamp)
    monkeypatch.setattr("portal.sign_in.records.this_minute", lambda: NOON)
