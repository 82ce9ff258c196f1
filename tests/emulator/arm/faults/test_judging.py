"""`/emulator/judging`: the moments at which the certificates of namespaces are judged, some ahead of the clock."""

import uuid
from datetime import timedelta
from typing import Any

import pytest

from emulator.faults_client import ControlError
from tests.support.azure.emulator_process import LOCATION, EmulatorProcess

DAY = timedelta(days=1)


@pytest.fixture
def namespace_id(emulator: EmulatorProcess) -> str:
    return emulator.make_namespace(f"ns-{uuid.uuid4().hex[:12]}", mqtt=False)


def moved(emulator: EmulatorProcess, *ids: str) -> dict[str, int]:
    """Return how far ahead these namespaces are judged, of those that are moved at all."""
    every = emulator.request("GET", "/emulator/judging", api_version=None)[2]["value"]
    return {each["id"]: each["aheadSeconds"] for each in every if each["id"] in ids}


def test_moments_move_and_come_back(emulator: EmulatorProcess, namespace_id: str) -> None:
    other = emulator.make_namespace(f"ns-{uuid.uuid4().hex[:12]}", mqtt=False)
    emulator.control.judge_ahead([namespace_id.upper(), "/subscriptions/gone"], 101 * DAY)
    assert moved(emulator, namespace_id, other) == {namespace_id: 101 * 86_400}
    emulator.control.judge_ahead([namespace_id], timedelta())
    assert moved(emulator, namespace_id, other) == {}


def test_a_moment_outlives_a_replacement_and_not_its_namespace(emulator: EmulatorProcess, namespace_id: str) -> None:
    emulator.control.judge_ahead([namespace_id], DAY)
    entry = {"id": namespace_id, "location": LOCATION}
    replaced = emulator.request("POST", "/emulator/namespaces", {"put": [entry]}, api_version=None)
    assert replaced[0] == 200
    assert moved(emulator, namespace_id) == {namespace_id: 86_400}
    emulator.request("POST", "/emulator/namespaces", {"delete": [namespace_id]}, api_version=None)
    emulator.request("POST", "/emulator/namespaces", {"put": [entry]}, api_version=None)
    assert moved(emulator, namespace_id) == {}


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        {"namespaces": []},
        {"namespaces": "x", "aheadSeconds": 1},
        {"namespaces": [1], "aheadSeconds": 1},
        {"namespaces": [], "aheadSeconds": -1},
        {"namespaces": [], "aheadSeconds": 1.5},
        {"namespaces": [], "aheadSeconds": True},
        {"namespaces": [], "aheadSeconds": "1"},
        {"namespaces": [], "aheadSeconds": 10**12},
        {"namespaces": ["x"] * 201, "aheadSeconds": 1},
        {"namespaces": [], "aheadSeconds": 1, "more": 1},
        b"{",
    ],
)
def test_an_invalid_request_moves_nothing(emulator: EmulatorProcess, wrong: Any) -> None:
    assert emulator.request("POST", "/emulator/judging", wrong, api_version=None)[0] == 400


def test_it_needs_a_token(emulator: EmulatorProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    assert emulator.send("POST", "/emulator/judging", b"{}")[0] == 401
    monkeypatch.setattr(emulator.control, "token", lambda: "wrong")
    with pytest.raises(ControlError):
        emulator.control.judge_ahead([], DAY)
