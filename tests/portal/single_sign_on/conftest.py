"""A portal that uses the tests' identity provider as its Entra ID."""

from datetime import UTC, datetime
from typing import Any

import pytest

from portal.models import Team
from tests.support.servers.identity_provider import IdentityProvider

NOON = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _still(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test meets the end of a minute."""
    monkeypatch.setattr("portal.sign_in.records.this_minute", lambda: NOON)


@pytest.fixture
def provider(identity_provider: IdentityProvider, settings: Any, db: None) -> IdentityProvider:
    settings.SINGLE_SIGN_ON = identity_provider.configuration()
    for name in ("Line 1", "Line 2", "Line 3"):
        Team.objects.create(name=name)
    return identity_provider
