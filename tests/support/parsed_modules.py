"""Parsed Python files, shared by the tests that read the product's source: parsing it all takes seconds."""

import ast
from functools import cache
from pathlib import Path


@cache
def parsed(path: Path) -> ast.Module:
    """Return the syntax tree of a file; change nothing in it."""
    return ast.parse(path.read_text(encoding="utf-8"))
