"""Classes: made in the emulator, joined by a code, isolated seats, resets and the end."""

import csv
import io
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core.cache import cache
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from lab.actions.classes import codes as class_codes
from lab.actions.classes.looking import LOOKS_FOR
from lab.actions.classes.making import create_class
from lab.catalogue.reading import exercises
from lab.models import Progress, Seat, TrainingClass
from lab.pages.class_board import board_of
from lab.pages.class_exercises import wrong_turn_words
from namespaces.models import Client, ConnectionAttempt, Namespace, NamespaceConfiguration
from portal.demo.checks import mqtt_answers
from portal.models import Activity, User
from portal.sign_in import rate_limits
from sync.models import Finding
from tests.support.browsing import signed_in
from tests.support.emulator_process import EmulatorProcess
from tests.support.factories import make_admin, make_client, make_user
from tests.support.waiting import until

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _emulator_target(azure: EmulatorProcess, settings: Any) -> Iterator[None]:
    settings.FAULT_CONTROL_GATEWAY = "sync.capabilities.fault_training.EmulatorFaults"
    yield
    cache.clear()


@pytest.fixture
def admin() -> User:
    return make_admin()


@pytest.fixture
def training(admin: User) -> TrainingClass:
    return create_class(admin, title="Certificates for MQTT", seats=3)


def join_code(training: TrainingClass) -> str:
    training.refresh_from_db()
    return class_codes.shown(class_codes.opened(training.join_code), training.pk)


def join(training: TrainingClass, name: str) -> tuple[Browser, Seat, str]:
    """Join as a trainee does, and return the browser, the seat and the return code that the page shows."""
    browser = Browser()
    answer = browser.post(reverse("classes:join"), {"code": join_code(training), "first_name": name})
    assert answer.status_code == 200, answer.content.decode()
    return browser, Seat.objects.get(pk=answer.context["seat"].pk), answer.context["code"]


def page(name: str, *args: object) -> str:
    return reverse(f"classes:{name}", args=args)


# Making a class


def test_a_class_has_a_namespace_and_an_account_for_each_seat(training: TrainingClass, azure: EmulatorProcess) -> None:
    seats = list(training.seats.select_related("namespace", "team", "user"))
    assert [seat.number for seat in seats] == [1, 2, 3]
    for seat in seats:
        assert seat.namespace is not None
        assert seat.team is not None
        assert azure.call("GET", seat.namespace.resource_id)["name"] == seat.namespace.name
        assert seat.namespace.import_state == Namespace.Import.DONE
        assert NamespaceConfiguration.objects.get(namespace=seat.namespace).state == "Enabled"
        assert not seat.user.is_active
        assert not seat.user.has_usable_password()
        assert not seat.user.email
        assert list(seat.user.teams.all()) == [seat.team]
        assert [(role.role, role.user) for role in seat.team.namespace_roles.all()] == [("contributor", None)]
    assert Activity.objects.filter(verb="Create class", object_name=training.title).exists()


def test_the_form_makes_a_class_for_administrators_only(admin: User, azure: EmulatorProcess) -> None:
    posted = {"title": "Monday", "seats": "2"}
    assert signed_in(make_user("ada")).post(page("class_create"), posted).status_code == 403
    assert not TrainingClass.objects.exists()
    browser = signed_in(admin)
    for wrong, field in (({"seats": "0"}, "seats"), ({"seats": "61"}, "seats"), ({"title": ""}, "title")):
        answer = browser.post(page("class_create"), posted | wrong)
        assert answer.status_code == 422
        assert field in answer.context["form"].errors
    assert not TrainingClass.objects.exists()
    made = browser.post(page("class_create"), posted)
    assert made.status_code == 302
    assert TrainingClass.objects.get().seats.count() == 2


def test_there_are_no_classes_without_an_emulator(admin: User, training: TrainingClass, settings: Any) -> None:
    settings.FAULT_CONTROL_GATEWAY = ""
    browser = signed_in(admin)
    for url in (page("class_list"), page("class_create"), page("class_board", training.pk), page("join")):
        assert browser.get(url).status_code == 404
    assert page("class_list") not in browser.get(reverse("home:home")).content.decode()


def test_an_unreachable_emulator_makes_no_class(admin: User, settings: Any) -> None:
    settings.AZURE_ARM_URL = settings.AZURE_AUTHORITY_URL = "https://127.0.0.1:1"
    from sync.arm.gateway import arm_gateway

    arm_gateway.cache_clear()
    answer = signed_in(admin).post(page("class_create"), {"title": "Monday", "seats": "2"})
    assert answer.status_code == 422
    assert answer.context["form"].non_field_errors().as_data()[0].code == "emulator"
    assert not TrainingClass.objects.exists()
    assert not Namespace.objects.exists()


# Joining and returning


def test_the_code_gives_the_next_free_seat_and_its_return_code_once(training: TrainingClass) -> None:
    browser, seat, code = join(training, "Ines")
    assert (seat.number, seat.first_name) == (1, "Ines")
    assert browser.get(reverse("namespaces:namespace_overview", args=[seat.namespace_id])).status_code == 200
    assert code not in str(list(Seat.objects.values())) + str(list(Activity.objects.values()))
    again = browser.post(page("join"), {"code": join_code(training), "first_name": "Ines"})
    assert again.status_code == 302
    assert Seat.objects.joined().count() == 1
    assert join(training, "Olu")[1].number == 2


@pytest.mark.parametrize(
    ("code", "name", "field", "reason"),
    [
        ("{code}x", "Ines", "code", "wrong-code"),
        ("{class}-0000-0000", "Ines", "code", "wrong-code"),
        ("999999-0000-0000", "Ines", "code", "wrong-code"),
        ("hello", "Ines", "code", "wrong-code"),
        ("", "Ines", "code", "required"),
        ("{code}", "", "first_name", "required"),
        ("{code}", "a\u202eb", "first_name", "not-printable"),
    ],
)
def test_a_wrong_code_or_name_opens_nothing(
    training: TrainingClass, code: str, name: str, field: str, reason: str
) -> None:
    typed = code.format_map({"code": join_code(training), "class": training.pk})
    answer = Browser().post(page("join"), {"code": typed, "first_name": name})
    assert answer.status_code == 422
    assert answer.context["form"].errors.as_data()[field][0].code == reason
    assert not Seat.objects.joined().exists()


def test_nobody_joins_a_locked_full_or_ended_class(training: TrainingClass, admin: User) -> None:
    trainer = signed_in(admin)
    code = join_code(training)

    def refused() -> str:
        answer = Browser().post(page("join"), {"code": code, "first_name": "Olu"})
        assert answer.status_code == 422
        return str(answer.context["form"].errors.as_data()["code"][0].code)

    trainer.post(page("class_lock", training.pk))
    assert refused() == "locked"
    trainer.post(page("class_lock", training.pk))
    for name in ("Ines", "Tuva", "Ben"):
        join(training, name)
    assert refused() == "full"
    trainer.post(page("class_code_renew", training.pk))
    assert refused() == "wrong-code"


def test_a_trainee_returns_with_the_code_until_the_trainer_renews_it(training: TrainingClass, admin: User) -> None:
    before, seat, code = join(training, "Ines")
    own = reverse("namespaces:namespace_overview", args=[seat.namespace_id])
    elsewhere = Browser()
    assert elsewhere.post(page("join_return"), {"return_code": code.lower().replace("-", " ")}).status_code == 302
    assert elsewhere.get(own).status_code == 200
    renewed = signed_in(admin).post(page("seat_code_renew", training.pk, 1))
    assert before.get(own).status_code == elsewhere.get(own).status_code == 302
    assert Browser().post(page("join_return"), {"return_code": code}).status_code == 422
    new = Browser()
    assert new.post(page("join_return"), {"return_code": renewed.context["code"]}).status_code == 302
    assert new.get(own).status_code == 200


def test_a_new_return_code_is_the_only_way_to_a_seat(training: TrainingClass, admin: User) -> None:
    _, seat, _ = join(training, "Ines")
    user = seat.user
    user.email = "ines@example.com"
    user.set_password("correct horse battery")
    user.save()
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    renewed = signed_in(admin).post(page("seat_code_renew", training.pk, 1))
    user.refresh_from_db()
    assert (user.has_usable_password(), user.email) == (False, "")
    assert not EmailAddress.objects.filter(user=user).exists()
    assert Browser().post(page("join_return"), {"return_code": renewed.context["code"]}).status_code == 302


def test_a_free_seat_has_no_return_code(training: TrainingClass, admin: User) -> None:
    assert signed_in(admin).post(page("seat_code_renew", training.pk, 2)).status_code == 422
    for typed in (f"{training.pk}-02-0000-0000", f"{training.pk}-02----------", f"{training.pk}020"):
        assert Browser().post(page("join_return"), {"return_code": typed}).status_code == 422


def test_guesses_are_limited_for_each_class(
    training: TrainingClass, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(class_codes, "MOST_GUESSES", 4)
    monkeypatch.setattr(rate_limits, "clock", lambda: 1_800_000_000.0)
    other = create_class(admin, title="Tuesday", seats=1)
    join(training, "Ines")  # a right code takes its count back
    wrong = {"code": f"{training.pk}-0000-0000", "first_name": "Eve"}
    assert [Browser().post(page("join"), wrong).status_code for _ in range(5)] == [422] * 4 + [429]
    right = {"code": join_code(training), "first_name": "Olu"}
    assert Browser().post(page("join"), right).status_code == 429
    assert Browser().post(page("join_return"), {"return_code": f"{training.pk}-01-0000-0000"}).status_code == 429
    join(other, "Ben")


# A seat and nothing else


def test_a_seat_sees_and_changes_no_other(training: TrainingClass) -> None:
    ines, own, _ = join(training, "Ines")
    _, other, _ = join(training, "Olu")
    assert own.namespace is not None
    assert other.namespace is not None
    make_client(other.namespace, "press-9")
    for name in ("namespaces:namespace_overview", "namespaces:client_list", "namespaces:connection_list"):
        assert ines.get(reverse(name, args=[other.namespace_id])).status_code == 404
    create = reverse("namespaces:client_create", args=[other.namespace_id])
    assert ines.post(create, {"name": "intruder"}).status_code == 404
    assert ines.post(reverse("sync:fault_on", args=[other.namespace_id]), {"fault": "slow"}).status_code == 404
    assert ines.get(reverse("namespaces:role_add", args=[own.namespace_id])).status_code == 403
    assert ines.post(reverse("namespaces:namespace_disconnect", args=[own.namespace_id])).status_code == 403
    for url in (page("class_list"), page("class_board", training.pk), page("class_report_csv", training.pk)):
        assert ines.get(url).status_code == 403
    assert ines.get(reverse("portal:person_list")).status_code == 403
    home = ines.get(reverse("home:home")).content.decode()
    assert own.namespace.name in home
    assert other.namespace.name not in home
    found = ines.get(reverse("portal:search"), {"q": "press-9"}).content.decode()
    assert other.namespace.name not in found


def test_a_reset_empties_one_seat_and_leaves_the_others(
    training: TrainingClass, admin: User, azure: EmulatorProcess
) -> None:
    ines, own, _ = join(training, "Ines")
    _, other, _ = join(training, "Olu")
    assert own.namespace is not None
    assert other.namespace is not None
    now = timezone.now()
    for seat in (own, other):
        assert seat.namespace is not None
        azure.call("PUT", f"{seat.namespace.resource_id}/clients/press-1", {"properties": {}})
        make_client(seat.namespace, "press-1")
        Progress.objects.create(user=seat.user, namespace=seat.namespace, exercise="upload", started_at=now)
        attempt = {"accepted": False, "code": "x", "reason": "x", "record": {}}
        ConnectionAttempt.objects.create(namespace=seat.namespace, cursor=1, at=now, **attempt)
        facts = {"kind": "namespaces.client", "scope": seat.namespace.pk, "name": "x", "drift": "appeared"}
        Finding.objects.create(found_at=now, seen_at=now, resource={}, **facts)
    ines.post(page("seat_ask"), {"question": "Which file?"})
    assert signed_in(admin).post(page("seat_reset", training.pk, own.number)).status_code == 302
    for model in (Client, ConnectionAttempt, Progress):
        assert [row.namespace_id for row in model.objects.all()] == [other.namespace_id]
    assert [finding.scope for finding in Finding.objects.all()] == [other.namespace_id]
    assert azure.call("GET", f"{own.namespace.resource_id}/clients")["value"] == []
    assert [each["name"] for each in azure.call("GET", f"{other.namespace.resource_id}/clients")["value"]] == [
        "press-1"
    ]
    own.refresh_from_db()
    assert (own.first_name, own.help_at, own.help_text) == ("Ines", None, "")
    assert NamespaceConfiguration.objects.filter(namespace=own.namespace_id).count() == 1
    assert ines.get(reverse("namespaces:namespace_overview", args=[own.namespace_id])).status_code == 200
    assert signed_in(admin).post(page("class_reset", training.pk)).status_code == 302
    assert not Client.objects.exists()
    assert Seat.objects.joined().count() == 2


# The board


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


# Over the shoulder


def test_the_trainer_looks_over_the_shoulder_and_the_seat_sees_it(training: TrainingClass, admin: User) -> None:
    browser, seat, _ = join(training, "Ines")
    assert seat.namespace is not None
    make_client(seat.namespace, "press-1")
    trainer, url = signed_in(admin), page("seat_look", training.pk, seat.number)
    assert "look" not in trainer.get(url).context
    assert "data-watched" not in browser.get(page("seat_bar")).content.decode()
    assert trainer.post(url).status_code == 302
    look = trainer.get(url).context["look"]
    assert [client.name for client in look.clients] == ["press-1"]
    assert "data-watched" in browser.get(page("seat_bar")).content.decode()
    log = browser.get(reverse("namespaces:namespace_activity", args=[seat.namespace_id])).content.decode()
    assert "Look over the shoulder" in log
    poll = {"HX-Request": "true", "HX-Trigger": "seat-look"}
    assert trainer.get(url, {"seen": look.version}, headers=poll).status_code == 204
    trainer.post(page("seat_look_end", training.pk, seat.number))
    assert "look" not in trainer.get(url).context
    assert "data-watched" not in browser.get(page("seat_bar")).content.decode()
    assert [entry.verb for entry in Activity.objects.filter(kind="lab.seat").order_by("pk")] == [
        "Look over the shoulder",
        "Stop looking over the shoulder",
    ]


def test_a_look_ends_after_a_while_and_a_free_seat_shows_nothing(training: TrainingClass, admin: User) -> None:
    _, seat, _ = join(training, "Ines")
    trainer, url = signed_in(admin), page("seat_look", training.pk, seat.number)
    trainer.post(url)
    Seat.objects.filter(pk=seat.pk).update(watched_at=timezone.now() - LOOKS_FOR)
    assert "look" not in trainer.get(url).context
    trainer.post(page("seat_look", training.pk, 3))
    assert "look" not in trainer.get(page("seat_look", training.pk, 3)).context
    assert Activity.objects.filter(kind="lab.seat").count() == 1


# Faults


def statuses(azure: EmulatorProcess, *namespaces: Namespace | None) -> list[int]:
    return [azure.request("GET", f"{each.resource_id}/clients")[0] for each in namespaces if each is not None]


def test_a_fault_is_for_the_seats_of_one_class_only(
    training: TrainingClass, admin: User, azure: EmulatorProcess
) -> None:
    other = create_class(admin, title="Tuesday", seats=1)
    seats = [seat.namespace for seat in training.seats.select_related("namespace")]
    elsewhere = other.seats.get(number=1).namespace
    trainer, url = signed_in(admin), page("class_fault", training.pk)
    for _ in range(2):  # twice is once
        assert trainer.post(url, {"fault": "throttle", "do": "start"}).status_code == 302
    assert statuses(azure, *seats, elsewhere) == [429, 429, 429, 200]
    board = trainer.get(page("class_board", training.pk)).context["board"]
    assert [(each.fault.code, bool(each.on_for)) for each in board.faults] == [("throttle", True), ("broker", False)]
    trainer.post(url, {"fault": "throttle", "do": "end"})
    assert statuses(azure, *seats, elsewhere) == [200] * 4
    training.refresh_from_db()
    assert training.faults == {}


def test_the_broker_is_dropped_for_the_seats_and_comes_back(
    training: TrainingClass, admin: User, azure: EmulatorProcess
) -> None:
    other = create_class(admin, title="Tuesday", seats=1)
    ids = [seat.namespace.resource_id for seat in training.seats.all() if seat.namespace]
    elsewhere = other.seats.get(number=1).namespace
    assert elsewhere is not None
    until(lambda: {*ids, elsewhere.resource_id} <= azure.mqtt_endpoints.keys(), "all endpoints listen")

    def answering() -> list[bool]:
        endpoints = azure.mqtt_endpoints
        each = [endpoints[name] for name in (*ids, elsewhere.resource_id)]
        return [mqtt_answers(found["host"], found["port"], found["ca"]) for found in each]

    trainer, url = signed_in(admin), page("class_fault", training.pk)
    trainer.post(url, {"fault": "broker", "do": "start"})
    until(lambda: answering() == [False, False, False, True], "the broker of the seats is down")
    trainer.post(url, {"fault": "broker", "do": "end"})
    until(lambda: answering() == [True] * 4, "all are back")


def test_the_end_of_a_class_ends_its_faults(training: TrainingClass, admin: User, azure: EmulatorProcess) -> None:
    trainer = signed_in(admin)
    trainer.post(page("class_fault", training.pk), {"fault": "throttle", "do": "start"})
    before = len(azure.control.faults())
    trainer.post(page("class_end", training.pk))
    assert len(azure.control.faults()) == before - 1
    assert trainer.post(page("class_fault", training.pk), {"fault": "throttle"}).status_code == 404


# The end


def test_the_end_closes_every_seat_and_keeps_the_report(
    training: TrainingClass, admin: User, azure: EmulatorProcess
) -> None:
    browser, seat, code = join(training, "=Ines")
    assert seat.namespace is not None
    resource_id = seat.namespace.resource_id
    Progress.objects.create(
        user=seat.user, namespace=seat.namespace, exercise="upload", started_at=timezone.now(), hints_opened=2
    )
    trainer = signed_in(admin)
    assert trainer.post(page("class_end", training.pk)).status_code == 302
    assert browser.get(reverse("home:home")).status_code == 302
    answer = Browser().post(page("join_return"), {"return_code": code})
    assert answer.context["return_form"].errors.as_data()["return_code"][0].code == "ended"
    assert not User.objects.filter(seat__training=training, is_active=True).exists()
    assert not Namespace.objects.exists()
    assert azure.request("GET", resource_id)[0] == 404
    file = b"".join(trainer.get(page("class_report_csv", training.pk)).streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    rows = list(csv.DictReader(io.StringIO(file)))
    assert [(row["First name"], row["Hints opened"]) for row in rows] == [("'=Ines", "2")]
    assert trainer.get(page("class_board", training.pk)).status_code == 200
    assert trainer.post(page("class_reset", training.pk)).status_code == 404
    assert trainer.get(page("class_list")).status_code == 200
