"""Options of life-cycle events."""

from pathlib import Path

import pytest

from emulator.events.allowed_urls import WebhookUrlError
from emulator.options import parse_arguments


def test_nothing_is_allowed_unless_it_is_given() -> None:
    options = parse_arguments([]).events
    assert (options.ca, options.time_scale) == (None, 1.0)
    with pytest.raises(WebhookUrlError):
        options.allowed.check("http://localhost/")


def test_urls_come_from_the_command_line_or_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    both = ["--allow-webhook", "http://localhost:9000/a", "--allow-webhook=https://hooks.example.com"]
    allowed = parse_arguments(both).events.allowed
    assert allowed.check("http://localhost:9000/a/b").port == 9000
    assert allowed.check("https://hooks.example.com/x").port == 443
    (tmp_path / "ca.pem").touch()
    monkeypatch.setenv("EMULATOR_ALLOW_WEBHOOK", "http://localhost:9000/a https://hooks.example.com")
    monkeypatch.setenv("EMULATOR_WEBHOOK_CA", str(tmp_path / "ca.pem"))
    monkeypatch.setenv("EMULATOR_EVENT_TIME_SCALE", "0.01")
    options = parse_arguments([]).events
    assert options.allowed.check("https://hooks.example.com/x").host == "hooks.example.com"
    assert (options.ca, options.time_scale) == (tmp_path / "ca.pem", 0.01)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--allow-webhook", "ftp://a.example"),
        ("--allow-webhook", "localhost:9000"),
        ("--allow-webhook", "https://user:hidden7@a.example"),
        ("--event-time-scale", "0"),
        ("--event-time-scale", "2"),
        ("--event-time-scale", "nan"),
        ("--event-time-scale", "fast"),
        ("--webhook-ca", "missing.pem"),
    ],
)
def test_an_invalid_option_is_named(option: str, value: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        parse_arguments([option, value])
    assert stopped.value.code == 2
    said = capsys.readouterr().err.rpartition("error:")[2]
    assert option in said
    assert "hidden7" not in said
