"""`manage.py sample_chain`: files, modes, thumbprints, and what it refuses."""

import io
import stat
import zipfile
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from certificates.authentication.types import FAILED_TITLES
from certificates.samples.chain import TEACHING_NAMES, IssuingError
from certificates.x509.certificate import load_certificate
from certificates.x509.reading import read_upload


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("sample_chain", *arguments, stdout=out)
    return out.getvalue()


def test_a_folder_gets_certificates_keys_and_a_how_to(tmp_path: Path) -> None:
    folder = tmp_path / "samples"
    said = run("sensor-1", "sensor-2", "--output", str(folder))
    assert {path.name for path in folder.iterdir()} == {
        "HOW-TO.txt", "thumbprints.txt", "root_ca.crt", "root_ca.key", "intermediate_ca.crt", "intermediate_ca.key",
        "sensor-1.crt", "sensor-1.key", "sensor-2.crt", "sensor-2.key",
    }  # fmt: skip
    certificate = read_upload((folder / "sensor-1.crt").read_bytes())[0]
    assert certificate.common_names == ("sensor-1",)
    assert f"{certificate.thumbprint_sha256}  sensor-1.crt" in said


def test_keys_are_readable_by_their_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "samples"
    run("sensor-1", "--output", str(folder))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.glob("*.key")} == {0o600}


def test_an_output_that_ends_in_zip_becomes_one_private_file(tmp_path: Path) -> None:
    path = tmp_path / "samples.zip"
    run("--teaching", "--output", str(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with zipfile.ZipFile(path) as archive:
        of_clients = [name for name in archive.namelist() if name.startswith(("sensor", "urn", "192", "faulty"))]
        assert len(of_clients) == 2 * len(TEACHING_NAMES)


def test_scheme_fault_and_lifetime_are_taken(tmp_path: Path) -> None:
    folder = tmp_path / "samples"
    scheme = "DnsMatchesAuthenticationName"
    said = run("a.example", "--scheme", scheme, "--fault", "expired", "--hours", "1", "--output", str(folder))
    assert FAILED_TITLES["within-validity"] in said
    leaf = load_certificate(read_upload((folder / "a.example.crt").read_bytes())[0].der)
    assert leaf.dns_names == ("a.example",)


@pytest.mark.parametrize(
    ("arguments", "named", "field"),
    [
        ([], "--teaching", ""),
        (["x" * 65], "x" * 40, "scheme"),
        (["sensor-1", "--hours", "0"], "--hours", ""),
        (["sensor-1", "--hours", "1000000"], "--hours", ""),
        (["no-address", "--scheme", "IpMatchesAuthenticationName"], "no-address", "name"),
        ([f"sensor-{number}" for number in range(21)], "20", "name"),
    ],
)
def test_invalid_arguments_are_refused(tmp_path: Path, arguments: list[str], named: str, field: str) -> None:
    with pytest.raises(CommandError, match=named) as refusal:
        run(*arguments, "--output", str(tmp_path / "samples"))
    cause = refusal.value.__cause__
    assert (cause.field if isinstance(cause, IssuingError) else "") == field
    assert not (tmp_path / "samples").exists()


@pytest.mark.parametrize("name", ["samples", "samples.zip"])
def test_an_existing_output_is_not_overwritten(tmp_path: Path, name: str) -> None:
    run("sensor-1", "--output", str(tmp_path / name))
    with pytest.raises(CommandError, match=name) as refusal:
        run("sensor-1", "--output", str(tmp_path / name))
    assert isinstance(refusal.value.__cause__, FileExistsError)
