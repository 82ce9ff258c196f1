"""Microsoft's guide from the first page to devices that may connect and devices that may not."""

import os
import re
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from playwright.sync_api import Page, expect

from certificates.samples.chain import ClientName, make_sample_chain
from tests.e2e.demo_process import DemoProcess
from tests.e2e.devices import V3_1_1, V5, Identity, connecting
from tests.e2e.guide import Guide
from tests.support.waiting import until

pytestmark = pytest.mark.e2e
NOT_AUTHORIZED = 0x87  # paho shows code 5 of 3.1.1 as the same
LIVE_MILLISECONDS = 60_000


def identity(files: dict[str, Path], name: str) -> Identity:
    certificate = next(path for file, path in files.items() if file.endswith(f"{name}.crt"))
    return Identity(certificate, certificate.with_suffix(".key"))


def expired(files: dict[str, Path], name: str, folder: Path) -> Identity:
    """Make a certificate of the same intermediate that expired yesterday."""
    issuer = x509.load_pem_x509_certificate(files["intermediate_ca.crt"].read_bytes())
    issuer_key = serialization.load_pem_private_key(files["intermediate_ca.key"].read_bytes(), None)
    assert isinstance(issuer_key, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=30))
        .not_valid_after(now - timedelta(days=1))
        .sign(issuer_key, hashes.SHA256())
    )
    return written(certificate.public_bytes(serialization.Encoding.PEM), key, folder / "expired")


def of_another_ca(name: str, folder: Path) -> Identity:
    chain = make_sample_chain([ClientName(name)], at=datetime.now(UTC), label="Somebody Else")
    path = folder / "stranger.crt"
    path.write_text(chain.clients[0].certificate_pem)
    path.with_suffix(".key").write_bytes(chain.clients[0].key_pem)
    return Identity(path, path.with_suffix(".key"))


def written(certificate: bytes, key: ec.EllipticCurvePrivateKey, stem: Path) -> Identity:
    stem.with_suffix(".crt").write_bytes(certificate)
    stem.with_suffix(".key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return Identity(stem.with_suffix(".crt"), stem.with_suffix(".key"))


def test_the_guide_from_sign_in_to_a_message(demo: DemoProcess, page: Page, screenshots: Path, tmp_path: Path) -> None:
    endpoints = demo.wait_ready()
    guide = Guide(page, endpoints, screenshots)
    guide.sign_in("dana")
    guide.open_namespace("contoso-plant")
    guide.shoot("overview")
    files = guide.make_samples(["press-1", "press-2", "press-3"], tmp_path)
    guide.upload_certificate("line-a-intermediate", files["intermediate_ca.crt"])
    guide.wait_succeeded("line-a-intermediate")
    guide.shoot("ca-certificates")
    guide.row("line-a-intermediate").get_by_role("link", name="line-a-intermediate", exact=True).click()
    expect(page.get_by_text("SHA-256").first).to_be_visible()
    guide.shoot("ca-certificate")
    for name in ("press-1", "press-2"):
        guide.create_client(name)
    guide.create_client("press-3", state="Disabled")
    for name in ("press-1", "press-2", "press-3"):
        guide.wait_succeeded(name)
    guide.shoot("clients")

    for version in (V3_1_1, V5):
        endpoint = endpoints["mqtt"]
        with (
            connecting(endpoint, identity(files, "press-2"), "press-2", version) as listener,
            connecting(endpoint, identity(files, "press-1"), "press-1", version) as speaker,
        ):
            assert listener.is_connected, listener.reason
            assert speaker.is_connected, speaker.reason
            listener.subscribe("presses/+/temperature")
            speaker.publish("presses/press-1/temperature", b"71.5")
            assert listener.wait_message() == ("presses/press-1/temperature", b"71.5")

    guide.open("Connections")
    expect(page.get_by_role("row").filter(has_text="press-1").first).to_be_visible(timeout=LIVE_MILLISECONDS)
    refusals = {
        "of another CA": (of_another_ca("press-1", tmp_path), "press-1", "Somebody Else Intermediate CA"),
        "with a wrong user name": (
            identity(files, "press-1"),
            "press-9",
            "No client has the authentication name press-9.",
        ),
        "of a disabled client": (identity(files, "press-3"), "press-3", "The client press-3 is disabled."),
        "that has expired": (expired(files, "press-1", tmp_path), "press-1", "The certificate expired on"),
    }
    for what, (device, user_name, sentence) in refusals.items():
        with connecting(endpoints["mqtt"], device, user_name, V5) as attempt:
            assert attempt.code == NOT_AUTHORIZED, what
            assert sentence in attempt.reason, f"{what}: {attempt.reason}"
        with connecting(endpoints["mqtt"], device, user_name, V3_1_1) as attempt:
            assert attempt.code == NOT_AUTHORIZED, what
        shown = page.get_by_role("row").filter(has_text=sentence)
        expect(shown.first, what).to_be_visible(timeout=LIVE_MILLISECONDS)
    guide.shoot("connections")
    guide.open("Activity log")
    expect(page.get_by_role("row").filter(has_text="press-3").first).to_be_visible()
    guide.shoot("activity-log")


def test_a_client_page_shows_live_what_the_client_does(
    demo: DemoProcess, page: Page, screenshots: Path, tmp_path: Path
) -> None:
    endpoints = demo.wait_ready()
    guide = Guide(page, endpoints, screenshots)
    guide.sign_in("dana")
    guide.open_namespace("contoso-lab")
    files = guide.make_samples(["robot-1"], tmp_path)
    guide.upload_certificate("lab-intermediate", files["intermediate_ca.crt"])
    guide.wait_succeeded("lab-intermediate")
    guide.create_client("robot-1")
    guide.wait_succeeded("robot-1")
    guide.row("robot-1").get_by_role("link", name="robot-1", exact=True).click()
    page.get_by_role("link", name="Try it").click()
    live = page.locator("#live")
    expect(live.locator("[data-empty=sessions]")).to_be_visible()
    endpoint = endpoints["mqtt_by_namespace"]["contoso-lab"]
    with connecting(endpoint, identity(files, "robot-1"), "robot-1", V5) as device:
        assert device.is_connected, device.reason
        device.subscribe("robots/+/position")
        device.publish("robots/robot-1/position", b"12")
        device.wait_message()
        expect(live.get_by_role("row").filter(has_text="robot-1-session").first).to_contain_text("Connected")
        expect(live.get_by_role("row").filter(has_text="robots/+/position")).to_be_visible()
        published = live.get_by_role("row").filter(has_text="Published by it")
        expect(published).to_contain_text("robots/robot-1/position")
        expect(page.get_by_role("status").filter(has_text="1 session connected")).to_have_count(1)
        attempt = page.locator("#connections").get_by_role("row").filter(has_text="Accepted")
        expect(attempt.first).to_be_visible(timeout=LIVE_MILLISECONDS)
        guide.shoot("try-it")
    expect(live.locator("[data-empty=sessions]")).to_be_visible()
    expect(published).to_contain_text("robots/robot-1/position")  # what was counted stays


def test_a_saved_change_arrives_though_the_worker_is_killed(demo: DemoProcess, page: Page, screenshots: Path) -> None:
    guide = Guide(page, demo.wait_ready(), screenshots)
    guide.sign_in("dana")
    guide.open_namespace("contoso-lab")
    worker = demo.pid_of("worker")
    os.killpg(worker, signal.SIGSTOP)  # nothing can be synced between the save and the kill
    guide.create_client("saved-before-the-kill")
    expect(guide.row("saved-before-the-kill")).to_contain_text(re.compile("Pending|Syncing"))
    os.kill(worker, signal.SIGKILL)
    until(lambda: demo.pid_of("worker") != worker, "the worker is started again")
    guide.wait_succeeded("saved-before-the-kill")
