"""Whatever is altered, deleted, swapped or cut off in the activity log, verification names the first of it."""

import re
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command

from portal.evidence.sealing import Head, head
from portal.evidence.verification import Verification, verify
from portal.models import Activity, ActivityLink, UnsealedPart, User
from tests.portal.evidence.arranging import COLUMNS, add, other_value, seal, settle, tamper
from tests.support.database.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> User:
    return make_user("ada")


@pytest.fixture
def entries(ada: User) -> list[Activity]:
    """Six sealed entries: never synced, succeeded, failed, pending, succeeded and pending."""
    made = [add(ada, number, synced=number != 0) for number in range(6)]
    settle(1)
    settle(2, "failed")
    seal()
    settle(4)
    seal()
    assert verify() == Verification(head=head(), links=9)
    return made


def found() -> tuple[str, int | None]:
    problem = verify().problem
    assert problem is not None
    return problem.code, problem.entry


@pytest.mark.parametrize("column", sorted(COLUMNS.keys() - {"id", "actor_id"} - set(Activity.SETTLED_FIELDS)))
@pytest.mark.parametrize("number", [0, 2, 3])
def test_each_column_of_an_entry_is_sealed(entries: list[Activity], column: str, number: int) -> None:
    tamper(f"UPDATE portal_activity SET {column} = %s WHERE id = %s", other_value(column), entries[number].pk)
    assert found() == ("entry_altered", entries[number].pk)


def test_the_actor_is_sealed(entries: list[Activity]) -> None:
    tamper("UPDATE portal_activity SET actor_id = %s WHERE id = %s", make_user("bob").pk, entries[4].pk)
    assert found() == ("entry_altered", entries[4].pk)


@pytest.mark.parametrize("column", Activity.SETTLED_FIELDS)
@pytest.mark.parametrize(("number", "code"), [(0, "entry_altered"), (2, "outcome_altered"), (4, "outcome_altered")])
def test_the_outcome_is_sealed(entries: list[Activity], column: str, number: int, code: str) -> None:
    value = "superseded" if column == "outcome" else other_value(column)
    tamper(f"UPDATE portal_activity SET {column} = %s WHERE id = %s", value, entries[number].pk)
    assert found() == (code if column != "outcome" or number else "entry_altered", entries[number].pk)


@pytest.mark.parametrize("column", set(Activity.SETTLED_FIELDS) - {"outcome"})
def test_a_pending_entry_has_no_outcome(entries: list[Activity], column: str) -> None:
    tamper(f"UPDATE portal_activity SET {column} = %s WHERE id = %s", other_value(column), entries[3].pk)
    assert found() == ("outcome_altered", entries[3].pk)


def test_an_outcome_is_not_taken_back(entries: list[Activity]) -> None:
    tamper("UPDATE portal_activity SET outcome = 'pending' WHERE id = %s", entries[1].pk)
    assert found() == ("outcome_altered", entries[1].pk)


def test_an_outcome_is_not_forged(entries: list[Activity]) -> None:
    tamper("UPDATE portal_activity SET outcome = 'succeeded', settled_at = at WHERE id = %s", entries[3].pk)
    assert found() == ("link_cut_off", entries[3].pk)


@pytest.mark.parametrize("number", [0, 2, 5])
def test_a_deleted_entry_is_missed(entries: list[Activity], number: int) -> None:
    tamper("DELETE FROM portal_activity WHERE id = %s", entries[number].pk)
    assert found() == ("entry_missing", entries[number].pk)


@pytest.mark.parametrize("number", [0, 2])
def test_an_entry_deleted_with_its_links_is_missed(entries: list[Activity], number: int) -> None:
    tamper("DELETE FROM portal_activity WHERE id = %s", entries[number].pk)
    tamper("DELETE FROM portal_activitylink WHERE entry = %s", entries[number].pk)
    problem = verify().problem
    assert problem is not None
    assert (problem.code, problem.place) == ("link_missing", number + 1)


def test_swapped_entries_are_noticed(entries: list[Activity]) -> None:
    first, second = entries[2].pk, entries[5].pk
    for old, new in ((first, -1), (second, first), (-1, second)):
        tamper("UPDATE portal_activity SET id = %s WHERE id = %s", new, old)
    assert found() == ("entry_altered", first)


def test_swapped_links_are_noticed(entries: list[Activity]) -> None:
    for old, new in ((2, -1), (5, 2), (-1, 5)):
        tamper("UPDATE portal_activitylink SET place = %s WHERE place = %s", new, old)
    assert found() == ("link_altered", entries[4].pk)


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [
        ("entry", 4711, "link_altered"),
        ("part", "outcome", "link_altered"),
        ("version", 2, "link_altered"),
        ("key_id", "other", "key_unknown"),
        ("digest", "0" * 64, "link_altered"),
        ("seal", "0" * 64, "link_altered"),
        ("sealed_at", "2001-02-03 04:05:06+00:00", "link_altered"),
    ],
)
def test_each_column_of_a_link_is_sealed(entries: list[Activity], column: str, value: Any, code: str) -> None:
    tamper(f"UPDATE portal_activitylink SET {column} = %s WHERE place = 4", value)
    problem = verify().problem
    assert problem is not None
    assert (problem.code, problem.place) == (code, 4)


def test_an_entry_forged_without_the_triggers_is_noticed(entries: list[Activity]) -> None:
    columns = ", ".join(sorted(COLUMNS.keys() - {"id"}))
    tamper(
        f"INSERT INTO portal_activity ({columns}) SELECT {columns} FROM portal_activity WHERE id = %s", entries[0].pk
    )
    assert found() == ("link_cut_off", Activity.objects.latest("pk").pk)


def test_links_cut_off_at_the_end_leave_entries_without_a_place(entries: list[Activity]) -> None:
    tamper("DELETE FROM portal_activitylink WHERE place >= 6")
    assert found() == ("link_cut_off", entries[5].pk)


def test_entries_cut_off_with_their_links_are_missed_by_a_head(entries: list[Activity], ada: User) -> None:
    before = head()
    for number in (6, 7):
        add(ada, number)
    seal()
    known = head()
    tamper("DELETE FROM portal_activity WHERE object_pk >= 6")
    tamper("DELETE FROM portal_activitylink WHERE place > %s", before.place)
    assert verify().problem is None  # without a head, the end of the chain proves nothing
    problem = verify(known).problem
    assert problem is not None
    assert (problem.code, problem.place) == ("cut_off", before.place + 1)
    assert verify(before).problem is None


def test_a_chain_that_went_on_after_an_older_backup_differs_from_the_head(entries: list[Activity], ada: User) -> None:
    before = head()
    add(ada, 6)
    seal()
    known = head()
    tamper("DELETE FROM portal_activity WHERE object_pk = 6")
    tamper("DELETE FROM portal_activitylink WHERE place > %s", before.place)
    add(ada, 7)
    seal()
    problem = verify(known).problem
    assert problem is not None
    assert (problem.code, problem.place) == ("head_differs", known.place)


def test_what_waits_is_counted_and_no_problem(entries: list[Activity], ada: User) -> None:
    add(ada, 7)
    settle(3)
    assert verify() == Verification(head=head(), links=9, unsealed=2)


def test_an_entry_deleted_before_it_was_sealed_is_named_for_ever(entries: list[Activity], ada: User) -> None:
    gone = add(ada, 7)
    tamper("DELETE FROM portal_activity WHERE id = %s", gone.pk)
    seal()
    assert found() == ("entry_missing", gone.pk)
    assert not UnsealedPart.objects.exists()


def test_another_key_neither_verifies_nor_seals(entries: list[Activity], settings: LazySettings) -> None:
    settings.ACTIVITY_KEY = "another-key" * 5
    assert found()[0] == "key_unknown"


def test_a_former_key_verifies_what_it_sealed(entries: list[Activity], settings: LazySettings, ada: User) -> None:
    settings.ACTIVITY_KEY, settings.ACTIVITY_KEY_FALLBACKS = "another-key" * 5, [settings.ACTIVITY_KEY]
    add(ada, 7)
    seal()
    assert verify().problem is None
    assert ActivityLink.objects.values("key_id").distinct().count() == 2


def test_the_command_reports_the_head_and_the_speed(
    entries: list[Activity], capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("verify_activity", head=str(head()))
    text = capsys.readouterr().out
    assert f"Head: {head()}" in text
    assert re.search(r"\b9 links \(\d+ a second\)", text)


@pytest.mark.parametrize("text", ["", "1", "x:y", "1:ab", "-1:" + "0" * 64, "1:" + "0" * 65, "1" * 19 + ":" + "0" * 64])
def test_a_malformed_head_is_refused(text: str) -> None:
    with pytest.raises(CommandError, match="PLACE:SEAL"):
        call_command("verify_activity", f"--head={text or ':'}")


def test_the_command_fails_with_the_code_of_the_problem(entries: list[Activity]) -> None:
    tamper("DELETE FROM portal_activity WHERE id = %s", entries[2].pk)
    with pytest.raises(CommandError, match=re.escape("[entry_missing]")) as fault:
        call_command("verify_activity")
    assert fault.value.returncode == 1


@pytest.mark.django_db(transaction=True)
def test_a_log_is_verified_outside_a_transaction_and_can_be_written_again(ada: User) -> None:
    for _ in range(2):
        add(ada, 1)
        seal()
        assert verify(head()).problem is None
    tamper("DELETE FROM portal_activity WHERE id = %s", Activity.objects.earliest("pk").pk)
    assert found()[0] == "entry_missing"
    add(ada, 2)


def test_an_empty_log_is_as_it_was_sealed() -> None:
    assert verify() == Verification()
    assert verify(Head(0, "0" * 64)).problem is None
