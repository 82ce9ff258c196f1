"""The commands in the texts and hints of the exercises, run as they are written, with the files that the exercise gives."""

import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from certificates.authentication.engine import ClientRecord, NamespaceState, TrustedCA, authenticate
from certificates.samples.chain import sample_chain_files
from certificates.x509.reading import read_upload
from lab.actions.exercises.files import make_chain
from lab.catalogue.reading import exercise as exercise_of
from tests.documents.pages import ROOT
from tests.support.programs import require_program

FOLDER = ROOT / "lab/exercises"
TEXTS = {
    path.relative_to(FOLDER).as_posix(): path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*/*.md"))
}
BLOCK = re.compile(r"^( *)```\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
IN_A_SENTENCE = re.compile(r"`(openssl [^`\n]+)`")
SENTENCES = [(name, command) for name, text in TEXTS.items() for command in IN_A_SENTENCE.findall(text)]
FAILING = {"07-the-root-is-uploaded/hint-1.md"}  # the text says that it fails, and why
NAME = "press-1"


def block(name: str, program: str) -> str:
    """Return the one block of a text that runs a program, without its indentation."""
    (found,) = [body for _, body in BLOCK.findall(TEXTS[name]) if body.lstrip().startswith(program)]
    return str(found)


def run(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    home = {"HOME": str(folder), "STEPPATH": str(folder / ".step"), "PATH": "/usr/local/bin:/usr/bin:/bin"}
    command = ["sh", "-e", "-c", script]
    return subprocess.run(command, cwd=folder, env=home, capture_output=True, text=True, check=False, timeout=60)


def assert_accepted(ca: Path, leaf: Path) -> None:
    (issuer,), certificate = read_upload(ca.read_bytes()), read_upload(leaf.read_bytes())[0]
    clients = {NAME: ClientRecord(NAME, NAME, "SubjectMatchesAuthenticationName")}
    state = NamespaceState((TrustedCA("intermediate", issuer.der),), clients)
    made_at = certificate.not_before  # by openssl's own clock, which no test moves
    decision = authenticate(presented=certificate.der, user_name=NAME, state=state, at=made_at)
    assert decision.accepted, decision.reason


def test_openssl_makes_a_chain_that_connects(tmp_path: Path) -> None:
    require_program("openssl")
    done = run(block("01-make-a-chain/hint-1.md", "openssl"), tmp_path)
    assert done.returncode == 0, done.stderr
    assert_accepted(tmp_path / "intermediate_ca.crt", tmp_path / "press-1.crt")


def test_step_makes_a_chain_that_connects(tmp_path: Path) -> None:
    script = block("01-make-a-chain/text.md", "step")
    if shutil.which("step") is None:
        pytest.skip("The step CLI is not installed: its commands were not run.")
    (tmp_path / "password").write_text("only for this test")
    script = script.replace("step ca init", "step ca init --password-file password")
    script = script.replace("--ca-key", "--ca-password-file password --ca-key")  # else it asks
    done = run(script, tmp_path)
    assert done.returncode == 0, done.stderr
    assert_accepted(tmp_path / ".step/certs/intermediate_ca.crt", tmp_path / "press-1.pem")


@pytest.mark.parametrize(("name", "command"), SENTENCES, ids=[name for name, _ in SENTENCES])
def test_commands_in_sentences_run_on_the_files_of_the_exercise(tmp_path: Path, name: str, command: str) -> None:
    require_program("openssl")
    slug = name.partition("/")[0].partition("-")[2]
    exercise = exercise_of(slug)
    assert exercise is not None
    chain = make_chain(exercise, at=datetime.now(UTC))
    assert chain is not None
    for file in sample_chain_files(chain):
        if not file.is_secret:
            (tmp_path / file.name).write_bytes(file.data)
    done = run(command, tmp_path)
    assert (done.returncode != 0) is (name in FAILING), done.stdout + done.stderr
    assert done.stdout.strip() or name in FAILING


def test_the_texts_have_both_forms_and_every_block_is_run() -> None:
    programs = [body.split()[0] for text in TEXTS.values() for _, body in BLOCK.findall(text)]
    assert sorted(programs) == ["Client", "openssl", "step"]  # "Client name" is a list to paste: tests of the exercise
    assert len(SENTENCES) >= 7
    assert {name for name, _ in SENTENCES} >= FAILING
