"""Check docs/policy.md: each row names code that the product uses, and a test that exists."""

import ast
import importlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.certificates.authentication.engine_table.case_table import cases
from tests.certificates.authentication.engine_table.rule_cases import ROWS as RULE_ROWS
from tests.certificates.uploads import uploads
from tests.support.certificates.chains import AT
from tests.support.parsed_modules import parsed

ROOT = Path(__file__).resolve().parent.parent
ROWS = [
    [cell.strip() for cell in line.strip().strip("|").split(" | ")]
    for line in (ROOT / "docs/policy.md").read_text(encoding="utf-8").splitlines()
    if (line.startswith("| ") and "::" in line)
    or (line.startswith("| ") and re.search(r"`(?:case|upload|rule): ", line))
]
each_row = pytest.mark.parametrize("row", ROWS, ids=[row[0][:60] for row in ROWS])


def named_in(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


KNOWN = {
    "case": {case.id for case in cases(AT)},
    "upload": {upload.id for upload in uploads()},
    "rule": {row.id for row in RULE_ROWS},
}


@cache
def collected_from(path: Path) -> dict[str, str]:
    """The test functions that pytest collects from a file, each with its decorators and body as text."""
    tree = parsed(path)
    assert path.name.startswith("test_"), f"{path.name} is not collected."
    marks = [
        node for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark"
    ]
    everywhere = " ".join(ast.unparse(node) for node in marks)
    return {
        node.name: f"{everywhere} {ast.unparse(node)}"
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    }


def assert_tests_exist(cell: str) -> None:
    """Check that a cell of a table names tests or cases that exist, are never skipped and assert something."""
    named = named_in(cell)
    assert named, "A row names the test that holds it."
    for name in named:
        kind, _, rest = name.partition(": ")
        if kind in KNOWN:
            assert rest in KNOWN[kind], f"There is no {kind} “{rest}”."
        else:
            path, _, function = name.partition("::")
            found = collected_from(ROOT / path).get(function)
            assert found is not None, f"{path} has no {function}."
            assert not re.search(r"(pytest|mark)\.(skip|skipif|xfail|importorskip)\b", found), (
                f"{function} may be skipped."
            )
            assert re.search(r"assert|raises|\.expect_end\(", found), f"{function} asserts nothing."


@each_row
def test_the_test_that_holds_a_row_exists(row: list[str]) -> None:
    assert_tests_exist(row[3])


@each_row
def test_the_code_that_a_row_names_exists(row: list[str]) -> None:
    for name in named_in(row[2]):
        module_name, _, attribute = name.rpartition(".")
        try:
            found = importlib.import_module(module_name)
        except ModuleNotFoundError:  # a member of a class
            module_name, _, class_name = module_name.rpartition(".")
            found = getattr(importlib.import_module(module_name), class_name)
        assert hasattr(found, attribute), f"There is no {name}."


def test_every_row_has_four_cells_and_is_unique() -> None:
    assert len(ROWS) >= 60
    assert {len(row) for row in ROWS} == {4}
    assert len({row[0] for row in ROWS}) == len(ROWS)


@cache
def module_paths() -> dict[str, Path]:
    """The modules of the product by dotted name."""
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for top in ("lab", "certificates", "namespaces", "sync", "portal", "emulator")
        for path in sorted((ROOT / top).rglob("*.py"))
        if "migrations" not in path.parts
    }


def names_read_in(*trees: ast.AST) -> set[str]:
    """The names and attributes that code reads. An import or an entry of `__all__` alone does not count."""
    nodes = [node for tree in trees for node in ast.walk(tree)]
    return {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)} | {
        node.attr for node in nodes if isinstance(node, ast.Attribute)
    }


@cache
def names_read_by(module: str) -> set[str]:
    return names_read_in(parsed(module_paths()[module]))


def is_used(module: str, name: str, seen: frozenset[str] = frozenset()) -> bool:
    """Whether another module reads a name, or reads what is built from it in its own module, such as a table."""
    if any(name in names_read_by(other) for other in module_paths() if other != module):
        return True
    for node in parsed(module_paths()[module]).body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            defined = {target.id for target in targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            defined = {node.name}
        else:
            continue
        users = defined - seen - {name}
        if users and name in names_read_in(node) and any(is_used(module, user, seen | {name}) for user in users):
            return True
    return False


def cited_functions() -> Iterator[tuple[str, str]]:
    """Module and name of each function, class and method in the third column, once. The source is not parsed for it."""
    modules = module_paths()
    for cited in sorted({name for row in ROWS for name in named_in(row[2])}):
        parts = cited.split(".")
        module = next(".".join(parts[:end]) for end in range(len(parts), 0, -1) if ".".join(parts[:end]) in modules)
        source = modules[module].read_text(encoding="utf-8")
        if re.search(rf"^ *(?:(?:async )?def|class) {re.escape(parts[-1])}\b", source, re.MULTILINE):
            yield module, parts[-1]


@pytest.mark.parametrize(("module", "name"), list(cited_functions()))
def test_the_product_uses_each_function_that_a_row_names(module: str, name: str) -> None:
    """A row must not cite code that only tests call."""
    assert is_used(module, name), f"Only {module} and tests use {name}: cite the code that the product runs."
