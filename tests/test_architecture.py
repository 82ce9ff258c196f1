"""The arrows of docs/architecture.md, held by reading every import."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("portal", "sync", "namespaces", "certificates", "emulator")
PURE = {
    "certificates.authentication.addresses",
    "certificates.authentication.advice",
    "certificates.x509.algorithms",
    "certificates.diagnosis.ca_rules",
    "certificates.authentication.client_index",
    "certificates.authentication.matching",
    "certificates.authentication.confusables",
    "certificates.x509.containers",
    "certificates.authentication.decision",
    "certificates.x509.reading",
    "certificates.diagnosis.upload",
    "certificates.authentication.engine",
    "certificates.x509.certificate",
    "certificates.authentication.ca_usage",
    "certificates.x509.der_outline",
    "certificates.authentication.paths",
    "certificates.authentication.preview",
    "certificates.x509.private_keys",
    "certificates.diagnosis.problems",
    "certificates.diagnosis.chain_roles",
    "certificates.samples.certificates",
    "certificates.samples.names",
    "certificates.x509.strength",
    "certificates.authentication.chain",
    "certificates.authentication.openssl_errors",
    "certificates.x509.text",
    "certificates.samples.chain",
    # Standard library only: how the portal turns faults on, where it is told of an emulator.
    "emulator.fault_rules",
    "emulator.faults_client",
    "namespaces.authorization.group_queries",
    "namespaces.authorization.topic_access",
    "namespaces.authorization.topic_templates",
    "namespaces.authorization.topics",
}
MAY_IMPORT = {
    "portal": set(),
    "sync": {"portal"},
    "namespaces": {"sync", "portal"},
    "certificates": {"namespaces", "sync", "portal"},
    "emulator": set(),
}
FRAMEWORKS = {"django", "celery", "kombu", "azure", "aiohttp", "requests"}
FORBIDDEN_PACKAGES = {
    "portal": {"azure"},
    "sync": set(),
    "namespaces": {"azure", "requests", "aiohttp"},
    "certificates": {"azure", "celery", "kombu", "requests", "aiohttp"},
    "emulator": {"azure", "django", "celery", "kombu"},
}
# Inside an app the way goes down: a module imports nothing above itself.
# Tasks stand beside actions: an action may hint a task on commit, and a task never decides anything itself.
LAYERS = {"urls": 0, "views": 1, "forms": 2, "actions": 2, "access": 2, "tasks": 2, "reconcile": 3, "models": 4}


def modules() -> Iterator[tuple[str, Path]]:
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            if "migrations" not in path.parts:
                dotted = ".".join(path.relative_to(ROOT).with_suffix("").parts)
                yield dotted.removesuffix(".__init__"), path


def imported(name: str, path: Path) -> Iterator[str]:
    """Every module that this one imports, also inside functions and under TYPE_CHECKING, as absolute dotted names."""
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def is_pure(name: str) -> bool:
    return any(name == pure or name.startswith(f"{pure}.") for pure in PURE)


MODULES = list(modules())
each_module = pytest.mark.parametrize(("name", "path"), MODULES, ids=[name for name, _ in MODULES])


@each_module
def test_imports_run_one_way(name: str, path: Path) -> None:
    room = name.split(".")[0]
    for target in imported(name, path):
        other = target.split(".")[0]
        if other not in ROOMS or other == room or is_pure(target):
            continue
        # `from certificates import decoding` names the package first, then the pure module.
        if any(pure.startswith(f"{target}.") for pure in PURE) and imports_only_pure_names(path, target):
            continue
        assert other in MAY_IMPORT[room], f"{name} imports {target}: {room} may not know {other}."


def imports_only_pure_names(path: Path, package: str) -> bool:
    nodes = [
        node
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module == package
    ]
    return bool(nodes) and all(f"{package}.{alias.name}" in PURE for node in nodes for alias in node.names)


@each_module
def test_a_room_uses_only_the_packages_it_may(name: str, path: Path) -> None:
    room = name.split(".")[0]
    used = {target.split(".")[0] for target in imported(name, path)}
    assert not used & FORBIDDEN_PACKAGES[room], f"{name} uses {sorted(used & FORBIDDEN_PACKAGES[room])}."


@pytest.mark.parametrize(("name", "path"), [module for module in MODULES if is_pure(module[0])])
def test_a_pure_module_imports_only_pure_modules(name: str, path: Path) -> None:
    for target in imported(name, path):
        top = target.split(".")[0]
        assert top not in FRAMEWORKS, f"{name} imports {target}."
        if top in ROOMS:
            assert is_pure(target) or any(pure.startswith(f"{target}.") for pure in PURE), f"{name} imports {target}."


@each_module
def test_inside_an_app_the_way_goes_down(name: str, path: Path) -> None:
    room, *rest = name.split(".")
    layer = LAYERS.get(rest[0]) if rest else None
    if layer is None:
        return
    for target in imported(name, path):
        parts = target.split(".")
        if parts[0] == room and len(parts) > 1 and parts[1] in LAYERS:
            assert LAYERS[parts[1]] >= layer, f"{name} imports {target}, which stands above it."


def source_files() -> Iterator[Path]:
    left_out = {".git", ".venv", ".hypothesis", ".local", "build", "node_modules", "__pycache__"}
    for path in sorted(ROOT.rglob("*")):
        parts = path.relative_to(ROOT).parts
        if path.is_file() and not left_out & set(parts) and not any(part.endswith("_cache") for part in parts):
            yield path


def test_nothing_names_a_machine_or_a_registry() -> None:
    folders = "|".join(["home", "root", "work", "Users"])
    machine_path = re.compile(rf"(?<![\w.:/>)}}\]])/(?:{folders})/")
    hosts = re.compile(
        "|".join([r"pypi\.(?:org|python)", r"python" r"hosted\.org", r"registry\.npm", r"proxy\.golang"])
    )
    found = []
    for path in source_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a picture
        if path != Path(__file__).resolve():
            lines = enumerate(text.splitlines(), 1)
            found += [
                f"{path.relative_to(ROOT)}:{n}" for n, line in lines if machine_path.search(line) or hosts.search(line)
            ]
    assert not found, "A machine's path or a registry's address stands in: " + ", ".join(found)
