"""Check docs/fidelity.md: each row has a source with a date, a profile, and a test that exists."""

import dataclasses
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from emulator.profile import PROFILES, AzureProfile
from tests.support.azure.fidelity import MOST_DAYS, TABLE, Row, read_rows, warning
from tests.test_policy import ROOT, assert_tests_exist, named_in

ROWS = read_rows(TABLE.read_text(encoding="utf-8"))
FIELDS = {field.name for field in dataclasses.fields(AzureProfile)} - {"name"}
FIRST_PREVIEW = date(2022, 10, 15)  # of Event Grid namespaces with MQTT
each_row = pytest.mark.parametrize("row", ROWS, ids=[row.behaviour[:60] for row in ROWS])


@each_row
def test_the_test_that_holds_a_row_exists(row: Row) -> None:
    if not row.is_emulated:
        assert row.test == "–", "What is not emulated has no test."
        return
    assert_tests_exist(row.test)


@each_row
def test_the_source_has_a_name_and_a_date(row: Row) -> None:
    assert row.source
    assert row.last_day >= FIRST_PREVIEW


@each_row
def test_the_profile_is_one_field_or_all(row: Row) -> None:
    if row.profile != "all":
        assert named_in(row.profile) == [row.profile.strip("`")], "Name one field, or all."
        assert row.profile.strip("`") in FIELDS


def test_each_field_of_a_profile_has_a_row() -> None:
    assert {row.profile.strip("`") for row in ROWS} - {"all"} == FIELDS


def test_every_behaviour_is_listed_once() -> None:
    assert len(ROWS) >= 50
    assert len({row.behaviour for row in ROWS}) == len(ROWS)


def test_the_document_names_the_profiles() -> None:
    text = TABLE.read_text(encoding="utf-8")
    assert all(f"--azure {name}" in text for name in PROFILES)


# The warning of `make check`

HEAD = "| behaviour | source | date | profile | test |\n| --- | --- | --- | --- | --- |\n"


def row_of(day: str, source: str = "mqtt-support", behaviour: str = "Something") -> str:
    return f"| {behaviour} | {source} | {day} | all | `tests/x.py::test_x` |\n"


def test_a_source_older_than_180_days_is_warned_about() -> None:
    rows = read_rows(
        HEAD + "| **Part** | | | | |\n" + row_of("2026-01-01") + row_of("2026-01-01") + row_of("2026-02-01")
    )
    assert [row.line for row in rows] == [4, 5, 6]
    assert warning(rows, date(2026, 6, 30)) == ""  # exactly 180 days after the first
    found = warning(rows, date(2026, 7, 1), all_sources=True)
    assert "mqtt-support of 2026-01-01: 2 rows" in found
    assert "2026-02-01" not in found
    assert "2026-02-01: 1 row" in warning(rows, date(2026, 8, 1), all_sources=True)


def test_the_warning_is_one_line_with_the_oldest_source() -> None:
    rows = read_rows(
        HEAD + "".join(row_of("2026-01-02", f"page-{number}") for number in range(7)) + row_of("2025-01-01")
    )
    found = warning(rows, date(2026, 12, 1))
    assert found.startswith("Warning: 8 of 8 rows")
    assert ("2025-01-01 (mqtt-support)" in found, "2026-01-02" in found, "\n" in found) == (True, False, False)
    assert warning(rows, date(2026, 12, 1), all_sources=True).count("\n") == 8


def test_a_month_counts_to_its_last_day() -> None:
    rows = read_rows(HEAD + row_of("2024-02"))
    assert rows[0].last_day == date(2024, 2, 29)
    assert (date(2024, 8, 27) - rows[0].last_day).days == MOST_DAYS
    assert warning(rows, date(2024, 8, 27)) == ""
    assert warning(rows, date(2024, 8, 28))


@pytest.mark.parametrize("day", ["", "2026", "2026-13", "2026-00", "2026-02-30", "26-05-07", "May 2026", "2026-05-7"])
def test_what_is_no_date_is_refused(day: str) -> None:
    with pytest.raises(ValueError, match=r"line 3|month|day"):
        _ = read_rows(HEAD + row_of(day))[0].last_day


def test_a_row_with_a_missing_cell_is_refused() -> None:
    with pytest.raises(ValueError, match="line 3"):
        read_rows(HEAD + "| Something | mqtt-support | 2026-05-07 | all |\n")


def test_other_tables_are_no_rows() -> None:
    assert (
        read_rows("| option | description |\n| --- | --- |\n| a | b |\n\n" + HEAD + row_of("2026-05-07"))[0].line == 7
    )


def test_old_sources_do_not_fail_the_check() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.support.azure.fidelity"], cwd=Path(ROOT), capture_output=True, text=True
    )
    assert (ran.returncode, ran.stderr) == (0, "")
