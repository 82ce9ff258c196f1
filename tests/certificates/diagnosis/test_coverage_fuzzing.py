"""A bounded run of the coverage-guided fuzzer, from the fixtures of the upload table. Longer: `make fuzz RUNS=100000`."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.certificates.uploads.key_uploads import write_corpus

pytestmark = pytest.mark.long

RUNS = 500
pytest.importorskip("atheris", reason="There is no atheris for this Python or machine.")


def test_the_form_and_the_engine_raise_nothing_but_their_own_errors(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    seeds = len(list(write_corpus(corpus).iterdir()))
    limits = [f"-runs={seeds + RUNS}", "-seed=1", "-max_len=20000", "-timeout=60", "-rss_limit_mb=900"]
    fuzzer = [
        sys.executable,
        "-m",
        "tests.certificates.diagnosis.fuzz_upload",
        *limits,
        f"-artifact_prefix={tmp_path}/",
    ]
    run = subprocess.run([*fuzzer, str(corpus)], capture_output=True, text=True, timeout=600, check=False)
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-4000:]
    assert "DONE" in run.stderr
    assert len(list(corpus.iterdir())) > seeds, "Coverage guided nothing: no input was kept."
