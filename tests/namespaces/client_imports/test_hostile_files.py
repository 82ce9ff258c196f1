"""Hostile files: each is an error by row or file, or is read; memory stays bounded, and nothing is stored."""

import tracemalloc

import pytest

from namespaces.client_files.files import read_files
from namespaces.client_files.found_rows import UnreadableFileError
from namespaces.importing.workbooks import read_workbook
from tests.certificates.uploads.key_uploads import key_files
from tests.namespaces.client_imports.hostile_files import HEAD, HOSTILE, READ, cell, one_row, packed

MOST_MEMORY = 400_000_000  # bytes beside the file itself


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_file_is_an_error_or_is_read(case: str) -> None:
    name, make, expected = HOSTILE[case]
    data = make()
    tracemalloc.start()
    try:
        found = [row.problem or READ for row in read_files([(name, data)], read_workbook)]
    except UnreadableFileError as problem:
        found = [f"!{problem.code}"]
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert found == expected
    assert peak < MOST_MEMORY


def test_leading_zeros_and_places_are_kept() -> None:
    (row,) = read_files([("a.xlsx", one_row(cell("A2", "a"), cell("B2", "007")))], read_workbook)
    assert (row.place, dict(row.values)) == (2, {"name": "a", "authentication_name": "007"})
    (first, second) = read_files([("a.csv", HEAD + b"\n0001,007\n\nb,'=1+1\n")])
    assert (first.place, dict(first.values)) == (3, {"name": "0001", "authentication_name": "007"})
    assert (second.place, second.values["authentication_name"]) == (5, "=1+1")


def test_a_key_in_any_container_is_rejected_and_leaves_nothing() -> None:
    for name, data in key_files():
        files: list[tuple[str, bytes]] = [("a.crt", data), ("a.zip", packed(("folder/a.crt", data)))]
        for file in files:
            found = read_files([file], read_workbook)
            is_nested = name.startswith("ZIP") and file[0] == "a.zip"  # not even unpacked
            assert ("zip" if is_nested else "private-key") in {row.problem for row in found}, (name, file[0])
            assert not any(row.values for row in found), name
