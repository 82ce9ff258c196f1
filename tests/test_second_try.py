"""The second try of CI and `make test-future`: what fails once is named and passes, what fails twice fails the run."""

import os
from pathlib import Path

import pytest

from tests.second_try import MOST, run_twice

TESTS = """
from pathlib import Path
import pytest

def test_that_passes():
    assert not Path("again").exists(), "only what failed is run again"

@pytest.mark.parametrize("number", [1, 2])
def test_by_luck(number):
    if not Path("again").exists():
        if number == 2:
            Path("again").touch()
        raise AssertionError("the first time")

def test_of_the_date():
    assert {passes}
"""


def run(folder: Path, *arguments: str, passes: bool = True, content: str = TESTS) -> int:
    (folder / "test_here.py").write_text(content.replace("{passes}", str(passes)), encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    options = (f"--rootdir={folder}", f"-c{folder / 'pytest.ini'}", "-pno:django", "-pno:randomly", *arguments)
    environment = os.environ | {"PYTEST_ADDOPTS": "", "PWD": str(folder)}
    return run_twice([*options, "test_here.py"], environment)


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("processes", ["0", "1"])
def test_what_passes_the_second_time_is_named(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], processes: str
) -> None:
    assert run(tmp_path, "-n", processes) == 0
    said = capfd.readouterr().out
    assert "FAILED TWICE" not in said
    named = said.partition("PASSED ON THE SECOND TRY")[2].split("***")[1:]
    assert [line.strip() for line in named] == ["test_here.py::test_by_luck[1]", "test_here.py::test_by_luck[2]"]


def test_what_fails_twice_fails(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, passes=False) == pytest.ExitCode.TESTS_FAILED
    named = capfd.readouterr().out.partition("FAILED TWICE")[2].split("***")[1:]
    assert [line.strip() for line in named] == ["test_here.py::test_of_the_date"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("def test_that_passes(): pass", pytest.ExitCode.OK),
        ("import nothing_of_this_name", pytest.ExitCode.INTERRUPTED),
        ("", pytest.ExitCode.NO_TESTS_COLLECTED),
        ("\n".join(f"def test_{n}(): assert False" for n in range(MOST + 1)), pytest.ExitCode.TESTS_FAILED),
    ],
    ids=["all pass", "not collected", "no tests", "many fail"],
)
def test_other_ends_have_no_second_try(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], content: str, expected: pytest.ExitCode
) -> None:
    assert run(tmp_path, content=content) == expected
    assert "SECOND TRY" not in capfd.readouterr().out
