"""Pruning deletes the oldest entries only, and what stays can still be verified."""

import math
from datetime import datetime, timedelta

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.utils import timezone

from portal.evidence import pruning, sealing
from portal.evidence.pruning import Pruned, count_prunable, prune
from portal.evidence.sealing import head, seal_entries
from portal.evidence.verification import verify
from portal.models import Activity, ActivityCheckpoint, ActivityLink, UnsealedPart, User
from tests.portal.evidence.arranging import KIND, add, seal, settle, tamper
from tests.support.database.factories import make_user

pytestmark = pytest.mark.django_db

OLD = timezone.now() - timedelta(days=100)


@pytest.fixture
def ada() -> User:
    return make_user("ada")


@pytest.fixture
def log(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """Six sealed entries, four of them 100 days old: one settled at once, one later, one pending."""
    with monkeypatch.context() as patch:
        patch.setattr(timezone, "now", lambda: OLD)
        for number in range(4):
            add(ada, number)
        settle(0)
        seal()
    for number in (4, 5):
        add(ada, number)
    settle(4)
    seal()
    settle(1)
    seal()


def numbers() -> list[int | None]:
    return list(Activity.objects.filter(kind=KIND).order_by("pk").values_list("object_pk", flat=True))


def month_ago() -> datetime:
    return timezone.now() - timedelta(days=30)


@pytest.mark.usefixtures("log")
@pytest.mark.parametrize("batch", [1, 2, 3, 100])
def test_the_oldest_go_and_the_rest_is_verified(batch: int) -> None:
    former_head = head()
    assert count_prunable(month_ago()) == 4
    assert prune(month_ago(), batch) == Pruned(4, 5)
    assert numbers() == [4, 5]
    assert ActivityCheckpoint.objects.count() == 1
    result = verify(former_head)
    assert (result.problem, result.pruned, result.unsealed) == (None, 4, 1), "the pruning itself is an entry"
    seal()
    assert verify(former_head).problem is None
    assert Activity.objects.latest("pk").after == {
        "deleted_entries": 4,
        "before": Activity.objects.latest("pk").after["before"],
        "through_place": 5,
    }
    assert prune(month_ago()) == Pruned(), "the second time there is nothing to delete"


@pytest.mark.usefixtures("log")
def test_all_may_go() -> None:
    former_head = head()
    prune(timezone.now() + timedelta(days=1))
    assert numbers() == []
    assert not ActivityLink.objects.exists()
    assert head() == former_head
    seal()
    assert verify(former_head).problem is None


@pytest.mark.usefixtures("log")
def test_an_entry_behind_a_younger_one_stays(ada: User) -> None:
    late = Activity.objects.create(at=OLD, actor=ada, verb="v", kind=KIND, object_pk=9, object_name="n")
    assert prune(month_ago()).entries == 4
    assert late.object_pk in numbers(), "not yet sealed"
    seal()
    assert prune(month_ago()) == Pruned()
    assert late.object_pk in numbers(), "sealed behind a younger one"


@pytest.mark.usefixtures("log")
def test_an_outcome_that_waits_for_its_place_goes_with_its_entry() -> None:
    settle(2)
    assert UnsealedPart.objects.count() == 1
    prune(month_ago())
    settle(3)  # finds nothing to settle
    seal()
    assert verify().problem is None


@pytest.mark.usefixtures("log")
def test_pruning_between_two_batches_of_sealing(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "BATCH", 1)
    settle(2)
    settle(3)
    add(ada, 6)
    seal_entries(math.inf, lambda: float(prune(month_ago(), 2).entries))
    assert UnsealedPart.objects.count() == 0
    assert numbers() == [4, 5, 6]
    assert verify().problem is None


@pytest.mark.usefixtures("log")
def test_a_head_from_before_the_checkpoint_cannot_be_compared() -> None:
    link = ActivityLink.objects.get(place=2)
    prune(month_ago())
    result = verify(sealing.Head(link.place, link.seal))
    assert (result.problem, result.head_is_pruned) == (None, True)
    problem = verify(sealing.Head(5, "0" * 64)).problem
    assert problem is not None
    assert problem.code == "head_differs"


@pytest.mark.usefixtures("log")
@pytest.mark.parametrize(
    "column", ["through", "through_seal", "pruned_at", "entries", "outcomes_left", "key_id", "seal"]
)
def test_each_column_of_a_checkpoint_is_sealed(column: str) -> None:
    prune(month_ago())
    values = {"through": 4, "entries": 5, "outcomes_left": "[[8, 2]]", "pruned_at": "2001-02-03 04:05:06+00:00"}
    tamper(f"UPDATE portal_activitycheckpoint SET {column} = %s", values.get(column, "other"))
    problem = verify().problem
    assert problem is not None
    assert problem.code == ("key_unknown" if column == "key_id" else "checkpoint_altered")


@pytest.mark.usefixtures("log")
def test_a_checkpoint_made_by_hand_is_named() -> None:
    link = ActivityLink.objects.get(place=3)
    values = {"through": link.place, "through_seal": link.seal, "pruned_at": timezone.now(), "entries": 3}
    ActivityCheckpoint.objects.create(**values, key_id=link.key_id, seal="0" * 64)
    Activity.objects.filter(object_pk__lte=2, kind=KIND).delete()  # the triggers let it pass
    problem = verify().problem
    assert problem is not None
    assert problem.code == "checkpoint_altered"


@pytest.mark.usefixtures("log")
def test_the_command_keeps_what_the_setting_keeps(
    settings: LazySettings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "BATCH", 2)
    with pytest.raises(CommandError, match="PORTAL_ACTIVITY_KEEP_DAYS is not set"):
        call_command("prune_activity")
    settings.ACTIVITY_KEEP_DAYS = 10**11
    with pytest.raises(CommandError, match="calendar"):
        call_command("prune_activity")
    settings.ACTIVITY_KEEP_DAYS = 30
    call_command("prune_activity", dry_run=True)
    assert capsys.readouterr().out.startswith("4 entries")
    assert len(numbers()) == 6
    call_command("prune_activity")
    assert capsys.readouterr().out.startswith("4 entries")
    assert numbers() == [4, 5]


@pytest.mark.usefixtures("log")
def test_traces_of_tampering_are_not_pruned(settings: LazySettings) -> None:
    settings.ACTIVITY_KEEP_DAYS = 30
    tamper("UPDATE portal_activity SET verb = 'other' WHERE object_pk = 1")
    with pytest.raises(CommandError, match=r"Nothing was deleted.*entry_altered"):
        call_command("prune_activity")
    assert len(numbers()) == 6
