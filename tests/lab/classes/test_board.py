"""The board: where each trainee is, who asks, and what holds the class up."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from lab.actions.classes.making import create_class
from lab.catalogue.reading import exercises
from lab.models import Progress, Seat, TrainingClass
from lab.pages.class_board import board_of
from lab.pages.class_exercises import wrong_turn_words
from portal.models import User
from tests.lab.classes.joining import join, page
from tests.support.browser.browsing import signed_in

pytestmark = pytest.mark.django_db


def test_the_board_keeps_the_order_and_shows_who_asks(training: TrainingClass, admin: User) -> None:
    browsers = [join(training, name)[0] for name in ("Ines", "Olu")]
    browsers[1].post(page("seat_ask"), {"question": "Is this a CA?\n  Which file?"})
    browsers[0].post(page("seat_ask"))
    board = signed_in(admin).get(page("class_board", training.pk)).context["board"]
    assert [tile.seat.number for tile in board.tiles] == [1, 2, 3]
    assert [tile.is_free for tile in board.tiles] == [False, False, True]
    assert [(tile.seat.number, tile.seat.help_text) for tile in board.asking] == [
        (2, "Is this a CA? Which file?"),
        (1, ""),
    ]
    assert (board.counts["joined"], board.counts["asking"]) == (2, 2)
    browsers[1].post(page("seat_ask_end"))
    signed_in(admin).post(page("seat_helped", training.pk, 1))
    assert signed_in(admin).get(page("class_board", training.pk)).context["board"].asking == []


def test_the_board_takes_as_many_queries_for_any_number_of_seats(
    training: TrainingClass, admin: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    browser = signed_in(admin)
    browser.get(page("class_board", training.pk))
    large = create_class(admin, title="Tuesday", seats=12)
    for number in range(6):
        join(large, f"Trainee {number}")
    counts = []
    for each in (training, large):
        with django_assert_max_num_queries(25) as asked:
            browser.get(page("class_board", each.pk), headers={"HX-Request": "true", "HX-Trigger": "class-board"})
        counts.append(len(asked))
    assert counts[0] == counts[1]


def test_a_board_that_has_not_changed_is_left_alone(
    training: TrainingClass, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser, _, _ = join(training, "Ines")
    trainer, poll = signed_in(admin), {"HX-Request": "true", "HX-Trigger": "class-board"}
    version = trainer.get(page("class_board", training.pk)).context["board"].version
    browser.post(page("seat_ask"), {"question": "Help"})
    changed = trainer.get(page("class_board", training.pk), {"seen": version}, headers=poll)
    assert changed.status_code == 200
    assert 'data-asks="1"' in changed.content.decode()


def test_the_class_sees_what_the_trainer_tells_it(training: TrainingClass, admin: User) -> None:
    browser, seat, _ = join(training, "Ines")
    trainer = signed_in(admin)
    trainer.post(page("class_tell", training.pk), {"message": "Break until 10:30"})
    own = reverse("namespaces:namespace_overview", args=[seat.namespace_id])
    assert "Break until 10:30" in browser.get(own).content.decode()
    assert "Break until 10:30" in browser.get(page("seat_bar")).content.decode()
    assert 'id="seat-bar"' not in trainer.get(own).content.decode()
    assert trainer.get(page("seat_bar")).status_code == 286
    trainer.post(page("class_tell", training.pk), {"message": ""})
    assert "Break until 10:30" not in browser.get(own).content.decode()


def test_the_board_names_what_holds_the_class_up(admin: User) -> None:
    training = create_class(admin, title="Monday", seats=6)
    now, known = timezone.now(), {exercise.slug: at for at, exercise in enumerate(exercises(), 1)}
    slow, fast = list(known)[1], list(known)[3]
    for number, minutes in enumerate((12, 14, 11, 2, 3), 1):
        _, seat, _ = join(training, f"Trainee {number}")
        assert seat.namespace is not None
        begun = {"namespace": seat.namespace, "started_at": now - timedelta(minutes=minutes, seconds=5)}
        turn = {"wrong_turn": "upload:leaf", "wrong_turn_at": now} if number == 1 else {}
        Progress.objects.create(user=seat.user, exercise=slow if number < 4 else fast, **begun, **turn)
    help_of = Seat.objects.filter(training=training, number=3)
    help_of.update(help_at=now)
    board = board_of(training, now + timedelta(seconds=5))
    assert board.sticking is not None
    assert [tile.minutes for tile in board.tiles][:5] == [12, 14, 11, 2, 3]
    assert [tile.is_slow for tile in board.tiles][:5] == [True, True, True, False, False]
    assert [tile.exercise.number for tile in board.tiles if tile.exercise] == [known[slow]] * 3 + [known[fast]] * 2
    assert board.tiles[0].wrong_turn == "uploaded the leaf"
    assert len(board.columns) == len(known)
    assert {column.exercise.slug: column.seats for column in board.columns if column.seats} == {slow: 3, fast: 2}
    assert (board.sticking.number, board.sticking.minutes) == (known[slow], 12)
    assert [[tile.seat.number for tile in group.tiles] for group in board.stuck] == [[2, 1]]
    assert [tile.seat.number for tile in board.asking] == [3]
    assert board.wrong_turns == [("uploaded the leaf", 1)]


def test_each_wrong_turn_of_the_lab_has_words() -> None:
    turns = {turn.key for exercise in exercises() for turn in exercise.wrong_turns}
    assert turns
    for key in turns:
        words = wrong_turn_words(key)
        assert 0 < len(words) <= 45, key
        assert ":" not in words, key
    assert wrong_turn_words("") == ""
