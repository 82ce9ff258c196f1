"""Connections end with a reason when their client or CA certificate is disabled, deleted or expired."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

import pytest

from certificates.samples.chain import ClientName, make_sample_chain
from emulator.mqtt.connect_decision import authentication
from emulator.mqtt.listeners import endpoints
from tests.emulator.mqtt import raw_client as w
from tests.emulator.mqtt.in_process import LocalPlant
from tests.emulator.mqtt.raw_client import connected, wire
from tests.support.certificates.chains import authority
from tests.support.waiting import until


def ends(plant: LocalPlant) -> list[tuple[str, str]]:
    """The signature and the code of each end in the log."""
    return [(r["resultSignature"], r["code"]) for r in plant.logged("MqttDisconnections")]


def assert_says_why(end: w.Received | None, plant: LocalPlant) -> None:
    """MQTT 5 gives the client the reason that the log has."""
    reasons = [r["resultDescription"] for r in plant.logged("MqttDisconnections")]
    assert end is None or end.properties[0x1F] in reasons


@pytest.fixture
def an_hour_passes(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return a function that puts the clock of the endpoint ahead."""

    class Later(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + timedelta(hours=1)

    def advance() -> None:
        monkeypatch.setattr(authentication, "datetime", Later)

    return advance


@pytest.fixture
def swept_plant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalPlant]:
    """One that looks for expired certificates ten times a second."""
    monkeypatch.setattr(endpoints, "_SWEEP_SECONDS", 0.1)
    made = LocalPlant(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize("version", [4, 5])
def test_a_client_that_is_disabled_is_dropped(local_plant: LocalPlant, version: int) -> None:
    with connected(local_plant, "s", version=version) as opened, connected(local_plant, "o", "robot-1") as other:
        local_plant.put_client("press-07", state="Disabled")
        end = opened.expect_end(0x87 if version == 5 else None)
        assert_says_why(end, local_plant)
        assert other.silent()
    assert ends(local_plant)[0] == ("ClientAuthenticationError", "client-enabled")


def test_a_client_that_is_deleted_is_dropped(local_plant: LocalPlant) -> None:
    with connected(local_plant, "s") as opened:
        local_plant.delete("clients", "press-07")
        assert_says_why(opened.expect_end(0x87), local_plant)
    assert ends(local_plant)[0] == ("ClientAuthenticationError", "client-found")


def test_a_client_whose_scheme_no_longer_fits_is_dropped(local_plant: LocalPlant) -> None:
    scheme = {"validationScheme": "ThumbprintMatch", "allowedThumbprints": ["0" * 64]}
    with connected(local_plant, "s") as opened:
        local_plant.put_client("press-07", clientCertificateAuthentication=scheme)
        opened.expect_end(0x87)


def test_a_change_that_takes_nothing_away_lets_the_connection_live(local_plant: LocalPlant) -> None:
    with connected(local_plant, "s") as opened:
        local_plant.put_client("press-07", description="the large one", attributes={"floor": 7})
        local_plant.upload("another", local_plant.chain.root.certificate_der)
        assert opened.silent()


def test_a_deleted_ca_takes_its_connections_with_it(local_plant: LocalPlant) -> None:
    with connected(local_plant, "s") as opened, connected(local_plant, "t", "robot-1") as second:
        local_plant.delete("caCertificates", "intermediate")
        for each in (opened, second):
            end = each.expect_end(0x87)
            assert end is not None
            assert "Intermediate CA" in end.properties[0x1F]
    assert set(ends(local_plant)) == {("ClientAuthenticationError", "issuer-found")}


def test_connections_survive_while_another_ca_still_verifies_them(local_plant: LocalPlant) -> None:
    local_plant.upload("same-again", local_plant.chain.intermediate.certificate_der)
    with connected(local_plant, "s") as opened:
        anchor = local_plant.logged("SuccessfulMqttConnections")[0]["caName"]
        local_plant.delete("caCertificates", anchor)
        assert opened.silent()
        other = {"intermediate", "same-again"} - {anchor}
        local_plant.delete("caCertificates", other.pop())
        opened.expect_end(0x87)


def test_a_certificate_that_expires_ends_its_connection(
    swept_plant: LocalPlant, an_hour_passes: Callable[[], None]
) -> None:
    now = datetime.now(UTC)
    short = make_sample_chain([ClientName("press-07")], at=now, lifetime=timedelta(minutes=50), label="Short")
    swept_plant.upload("short", short.intermediate.certificate_der)
    swept_plant.chain = short
    with connected(swept_plant, "s") as opened:
        assert opened.silent()
        an_hour_passes()
        assert_says_why(opened.expect_end(0x87), swept_plant)
    assert ends(swept_plant)[0] == ("ClientAuthenticationError", "within-validity")


def test_a_ca_that_expires_ends_its_connections(swept_plant: LocalPlant, an_hour_passes: Callable[[], None]) -> None:
    now = datetime.now(UTC)
    ca = authority("Short CA", at=now, not_after=now + timedelta(minutes=50))
    leaf = ca.issue("press-07")
    swept_plant.upload("short", ca.der)
    certificate, key = swept_plant.folder / "short.crt", swept_plant.folder / "short.key"
    certificate.write_bytes(leaf.pem)
    key.write_bytes(leaf.key_pem)
    context = w.client_context(swept_plant, None)
    context.load_cert_chain(certificate, key)
    with wire(swept_plant, context=context) as opened:
        opened.send(w.connect("s", "press-07"))
        assert opened.expect(w.CONNACK).reason == 0
        assert opened.silent()
        an_hour_passes()
        end = opened.expect_end(0x87)
        assert end is not None
        assert "CN=Short CA" in end.properties[0x1F]


def test_a_dropped_client_leaves_its_will_and_keeps_its_session(local_plant: LocalPlant) -> None:
    options = {"will": w.will("gone", b"x"), "will_flags": 4, "properties": w.four(w.SESSION_EXPIRY, 60)}
    with connected(local_plant, "r", "robot-1") as reader:
        reader.send(w.subscribe("gone"))
        reader.expect(w.SUBACK)
        with connected(local_plant, "s", **options) as opened:  # type: ignore[arg-type]
            local_plant.put_client("press-07", state="Disabled")
            opened.expect_end(0x87)
        assert reader.expect(w.PUBLISH).topic == "gone"
    local_plant.put_client("press-07")
    with connected(local_plant, "s", clean=False) as again:
        assert again.connack.session_present


def test_user_properties_in_a_disconnect_are_the_clients_error(local_plant: LocalPlant) -> None:
    with connected(local_plant, "r", "robot-1") as reader:
        reader.send(w.subscribe("gone"))
        reader.expect(w.SUBACK)
        with connected(local_plant, "s", will=w.will("gone", b"x"), will_flags=4) as opened:
            opened.send(w.disconnect(0, w.pair("name", "value")))
            assert_says_why(opened.expect_end(0x83), local_plant)
        assert reader.expect(w.PUBLISH).topic == "gone"
    assert ends(local_plant)[0] == ("ClientError", "implementation-specific")


def test_a_flag_lets_connections_live_until_their_next_connect(lenient_plant: LocalPlant) -> None:
    with connected(lenient_plant, "s") as opened:
        lenient_plant.delete("clients", "press-07")
        lenient_plant.delete("caCertificates", "intermediate")
        assert opened.silent()
    with wire(lenient_plant) as again:
        again.send(w.connect("s", "press-07"))
        assert again.expect(w.CONNACK).reason == 0x87


def test_many_connections_of_one_ca_are_dropped_without_holding_up_others(local_plant: LocalPlant) -> None:
    local_plant.configure(maximumClientSessionsPerAuthenticationName=100)
    until(lambda: local_plant.namespace.sessions_per_name == 100, "100 sessions are allowed")
    stays = authority("Other CA", at=datetime.now(UTC))
    local_plant.upload("other", stays.der)
    opened = [w.open_wire(local_plant) for _ in range(60)]
    for number, each in enumerate(opened):
        each.send(w.connect(f"s{number}", "press-07"))
        assert each.expect(w.CONNACK).reason == 0
    local_plant.delete("caCertificates", "intermediate")
    for each in opened:
        each.expect_end(0x87)
        each.tls.close()
