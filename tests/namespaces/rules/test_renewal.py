"""When an old thumbprint may go. What is not known is never safe."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from namespaces.rules.renewal import NONE, OLD_IN_USE, SAFE, UNKNOWN, UNSEEN, renewal_of

OLD, NEW, BEGAN = "a" * 64, "b" * 64, datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def code(old: datetime | None, new: datetime | None, *, has_log: bool = True) -> str:
    uses = {thumbprint: at for thumbprint, at in ((OLD, old), (NEW, new)) if at is not None}
    return renewal_of([OLD, NEW], renewed_to=NEW, began_at=BEGAN, uses=uses, has_log=has_log).code


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (None, None, UNSEEN),
        (BEGAN - HOUR, None, UNSEEN),
        (BEGAN - HOUR, BEGAN - 2 * HOUR, UNSEEN),  # used once before, and not since it was added
        (BEGAN - HOUR, BEGAN + HOUR, SAFE),
        (None, BEGAN + HOUR, SAFE),
        (BEGAN + 2 * HOUR, BEGAN + HOUR, OLD_IN_USE),
        (BEGAN + HOUR, BEGAN + HOUR, OLD_IN_USE),
        (BEGAN + HOUR, BEGAN + 2 * HOUR, SAFE),
    ],
)
def test_the_new_one_is_seen_and_the_old_one_is_not(old: datetime | None, new: datetime | None, expected: str) -> None:
    assert code(old, new) == expected


def test_nothing_is_safe_where_azure_reports_no_connections() -> None:
    times = (None, BEGAN - HOUR, BEGAN + HOUR)
    assert {code(old, new, has_log=False) for old, new in product(times, times)} == {UNKNOWN}


@pytest.mark.parametrize("held", [[], [NEW], [OLD], [OLD, "c" * 64]])
def test_without_both_thumbprints_no_renewal_is_under_way(held: list[str]) -> None:
    assert renewal_of(held, renewed_to=NEW, began_at=BEGAN, uses={NEW: BEGAN + HOUR}, has_log=True).code == NONE


def test_the_order_of_the_two_does_not_matter() -> None:
    found = renewal_of([NEW, OLD], renewed_to=NEW, began_at=BEGAN, uses={NEW: BEGAN + HOUR}, has_log=True)
    assert (found.code, found.old, found.new, found.last) == (SAFE, OLD, NEW, NEW)
