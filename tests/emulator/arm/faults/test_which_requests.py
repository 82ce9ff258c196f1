"""The faults of the control API: added, listed and removed, and which requests get one."""

import pytest

from emulator.fault_rules import Fault, FaultError
from emulator.faults_client import ControlError, EmulatorControl
from tests.support.azure.emulator_process import EmulatorProcess


def test_faults_are_added_listed_and_removed(control: EmulatorControl) -> None:
    made = control.add(Fault(kind="error", status=503, methods=("PUT",), path="*/clients/*", rate=0.5, count=7))
    other = control.add(Fault(kind="latency", seconds=0.5, jitter=0.25))
    assert made.id != other.id
    assert control.faults() == [made, other]
    control.remove(made)
    control.remove(made)
    assert control.faults() == [other]
    control.clear()
    assert control.faults() == []


def test_the_control_api_needs_a_token_and_rejects_invalid_faults(emulator: EmulatorProcess) -> None:
    assert emulator.send("POST", "/emulator/faults", b'{"kind": "latency"}')[0] == 401
    assert emulator.send("POST", "/emulator/reset")[0] == 401
    for body, target in (
        ({}, "kind"),
        ({"kind": "flood"}, "kind"),
        ({"kind": "error", "status": 200}, "status"),
        ({"kind": "error", "rate": 1.5}, "rate"),
        ({"kind": "error", "count": 0}, "count"),
        ({"kind": "error", "colour": "red"}, "colour"),
        ({"kind": "error", "status": "503"}, "status"),
        ({"kind": "error", "methods": ["FETCH"]}, "methods"),
        (b"{", None),
        (b"[]", None),
    ):
        status, _, answer = emulator.request("POST", "/emulator/faults", body)
        assert (status, answer["error"]["code"]) == (400, "InvalidRequest")
        assert answer["error"].get("target") == target
    assert emulator.control.faults() == []
    assert emulator.request("DELETE", "/emulator/faults/none")[0] == 404
    assert emulator.request("GET", "/emulator/none")[0] == 404


def test_an_unreachable_emulator_is_reported_with_status_0(emulator: EmulatorProcess) -> None:
    unreachable = EmulatorControl("https://127.0.0.1:1", ca=emulator.ca, token=lambda: "x")
    with pytest.raises(ControlError) as caught:
        unreachable.faults()
    assert caught.value.status == 0


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("token-buckets", Fault(kind="token-buckets")),
        ("latency,seconds=0.2,jitter=0.1", Fault(kind="latency", seconds=0.2, jitter=0.1)),
        (
            "error, status=503, rate=0.1, methods=put+DELETE, path=*/clients/*, count=3, retry_after=2, after=yes",
            Fault(
                kind="error",
                status=503,
                rate=0.1,
                methods=("PUT", "DELETE"),
                path="*/clients/*",
                count=3,
                retry_after=2,
                after=True,
            ),
        ),
    ],
)
def test_a_fault_can_be_written_on_one_line(text: str, fault: Fault) -> None:
    assert Fault.parse(text) == fault
    assert Fault.from_dict(fault.as_dict()) == fault


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("", "kind"),
        ("flood", "kind"),
        ("latency,seconds", "seconds"),
        ("latency,seconds=x", "seconds"),
        ("latency,id=1", "id"),
        ("error,status=9", "status"),
    ],
)
def test_an_invalid_line_is_rejected_with_the_field(text: str, field: str) -> None:
    with pytest.raises(FaultError) as caught:
        Fault.parse(text)
    assert caught.value.field == field


def test_a_fault_is_limited_by_method_path_and_count(
    emulator: EmulatorProcess, control: EmulatorControl, namespace: str
) -> None:
    made = control.add(
        Fault(kind="error", status=503, methods=("PUT",), path=f"{namespace.upper()}/CLIENTS/*", count=2)
    )
    statuses = [emulator.request("PUT", f"{namespace}/clients/c", {})[0] for _ in range(3)]
    assert statuses == [503, 503, 200]
    assert control.faults() == []
    again = control.add(made)
    assert emulator.request("GET", f"{namespace}/clients/c")[0] == 200
    assert emulator.request("PUT", f"{namespace}/clientGroups/group-1", {"properties": {"query": "true"}})[0] == 200
    assert emulator.request("PUT", f"{namespace}/clients/c", {})[0] == 503
    assert [(each.id, each.hits, each.count) for each in control.faults()] == [(again.id, 1, 1)]


def test_a_fault_is_limited_by_rate(emulator: EmulatorProcess, control: EmulatorControl, namespace: str) -> None:
    control.add(Fault(kind="error", rate=0.5))
    statuses = {emulator.request("GET", namespace)[0] for _ in range(60)}
    assert statuses == {200, 500}


def test_health_and_tokens_get_no_fault_unless_the_path_names_them(
    emulator: EmulatorProcess, control: EmulatorControl
) -> None:
    everything = control.add(Fault(kind="error", path="*"))
    assert emulator.request("GET", "/subscriptions")[0] == 500
    for path in ("/healthz", "/metadata/endpoints"):
        assert emulator.send("GET", path)[0] == 200
    control.remove(everything)
    with control.fault(Fault(kind="error", status=503, path="/*/oauth2/*")):
        assert emulator.send("POST", f"/{emulator.tenant}/oauth2/v2.0/token")[0] == 503
