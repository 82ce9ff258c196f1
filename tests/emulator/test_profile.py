"""`--azure`: the emulator behaves as Azure did at a point in time, and says which."""

import dataclasses

import pytest

from emulator.mqtt.options import mqtt_options
from emulator.options import parse_arguments
from emulator.profile import FEBRUARY_2025, MAY_2026, NEWEST, PROFILES
from emulator.running import RunningEmulator


def test_the_newest_profile_is_the_default() -> None:
    assert parse_arguments([]).azure is NEWEST
    assert max(PROFILES) == NEWEST.name
    assert {name: profile.name for name, profile in PROFILES.items()} == {name: name for name in PROFILES}


def test_the_option_and_the_variable_choose_a_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    assert mqtt_options(parse_arguments(["--azure=2025-02"])).azure is FEBRUARY_2025
    monkeypatch.setenv("EMULATOR_AZURE", "2025-02")
    assert parse_arguments([]).azure is FEBRUARY_2025
    assert parse_arguments(["--azure", "2026-05"]).azure is MAY_2026


@pytest.mark.parametrize("name", ["2025", "2026-06", "newest", "2025-02 "])
def test_an_unknown_profile_is_refused(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        parse_arguments([f"--azure={name}"])
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert "--azure" in said
    assert all(known in said for known in PROFILES)


def test_each_field_says_what_has_changed() -> None:
    unchanged = {
        field.name
        for field in dataclasses.fields(FEBRUARY_2025)
        if getattr(FEBRUARY_2025, field.name) == getattr(NEWEST, field.name)
    }
    assert not unchanged, "What has not changed is no field of a profile."


def test_a_running_emulator_names_its_profile() -> None:
    with RunningEmulator("--azure=2025-02") as emulator:
        assert emulator.ready["azure_profile"] == "2025-02"
        assert emulator.control.send("GET", "/healthz") == {"status": "ok", "azure_profile": "2025-02"}
        assert "as Azure 2025-02" in emulator.log()
