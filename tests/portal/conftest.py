"""Fixtures of the tests that ask for every page."""

from collections.abc import Iterator
from typing import Any

import pytest

from portal.short_cache import Use, short_cache


@pytest.fixture
def kept_numbers(settings: Any) -> Iterator[None]:
    """Keep the numbers of the menu and the bell, as in production: to count them for each page takes a quarter of the time."""
    settings.SHORT_CACHE_SECONDS = 600
    with short_cache(Use.READ):  # after a POST too
        yield
