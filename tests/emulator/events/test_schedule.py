"""Event Grid's retry schedule and the sequence numbers of sessions."""

from random import Random

import pytest

from emulator.events.schedule import DELAYS, JITTER, Outcome, RetryPolicy, Schedule
from emulator.events.sequence_numbers import MAX_SESSIONS, STEP, SequenceNumbers

POLICY = RetryPolicy()


def delay(status: int, attempts: int, *, retry_after: float = 0.0, scale: float = 1.0) -> float | None:
    outcome = Outcome(status, "", retry_after)
    return Schedule(scale, Random(7)).next_delay(outcome, attempts, POLICY)


@pytest.mark.parametrize(("attempts", "seconds"), [*enumerate(DELAYS, 1), (11, 43_200.0), (29, 43_200.0)])
def test_the_delays_are_those_of_event_grid(attempts: int, seconds: float) -> None:
    found = delay(500, attempts)
    assert found is not None
    assert seconds <= found <= seconds * (1 + JITTER)


@pytest.mark.parametrize(("status", "least"), [(408, 120.0), (503, 30.0), (404, 10.0), (302, 10.0), (0, 10.0)])
def test_some_statuses_wait_longer(status: int, least: float) -> None:
    found = delay(status, 1)
    assert found is not None
    assert least <= found <= least * (1 + JITTER)


@pytest.mark.parametrize("status", [400, 401, 403, 413])
def test_some_statuses_are_not_retried(status: int) -> None:
    assert delay(status, 1) is None


@pytest.mark.parametrize("status", [200, 201, 202, 203, 204])
def test_these_statuses_mean_delivered(status: int) -> None:
    assert Outcome(status, "").is_delivered


@pytest.mark.parametrize("status", [0, 100, 205, 206, 301, 404, 500])
def test_other_statuses_do_not(status: int) -> None:
    assert not Outcome(status, "").is_delivered


def test_the_last_attempt_of_the_policy_is_the_last() -> None:
    schedule = Schedule()
    assert schedule.next_delay(Outcome(500, ""), 2, RetryPolicy(attempts=3)) is not None
    assert schedule.next_delay(Outcome(500, ""), 3, RetryPolicy(attempts=3)) is None


def test_retry_after_is_kept_within_a_bound_and_not_scaled() -> None:
    assert delay(429, 1, retry_after=50.0, scale=0.001) == 50.0
    assert delay(429, 1, retry_after=1e9) == 3_600.0
    assert Schedule(0.001).lifetime(RetryPolicy(minutes=10)) == pytest.approx(0.6)
    assert Schedule(0.001).response_seconds == 10.0


# Sequence numbers


def test_the_end_of_a_connection_has_its_number() -> None:
    numbers = SequenceNumbers(0, lambda mark: None)
    assert [numbers.connected("s", "a"), numbers.disconnected("s", "a")] == [1, 1]
    assert [numbers.connected("s", "b"), numbers.connected("s", "c")] == [2, 3]
    assert [numbers.disconnected("s", "b"), numbers.disconnected("s", "c")] == [2, 3]
    assert numbers.connected("other", "d") == 1
    assert numbers.disconnected("s", "never seen") == 4


def test_numbers_continue_above_those_of_an_earlier_run() -> None:
    marks: list[int] = []
    numbers = SequenceNumbers(0, marks.append)
    for run in range(STEP + 1):
        assert numbers.connected("s", str(run)) == run + 1
    assert marks == [STEP, 2 * STEP + 0]
    again = SequenceNumbers(marks[-1], marks.append)
    assert again.connected("s", "x") > STEP + 1


def test_the_names_of_a_million_sessions_do_not_fill_the_memory() -> None:
    numbers = SequenceNumbers(0, lambda mark: None)
    greatest = 0
    for run in range(MAX_SESSIONS + 10):
        greatest = max(greatest, numbers.connected(f"s{run}", str(run)))
        numbers.disconnected(f"s{run}", str(run))
    assert len(numbers._last) <= 10
    assert numbers.connected("s1", "again") > 1, "a number is not used twice"
