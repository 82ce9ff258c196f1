"""Check the import rules of docs/architecture.md by reading every import, also in functions and under TYPE_CHECKING."""

import ast
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.support.parsed_modules import parsed

ROOT = Path(__file__).resolve().parent.parent
TOP_LEVEL = ("portal", "sync", "namespaces", "certificates", "lab", "emulator")
MOST_MODULES = 14  # in one folder
LONGEST_TEMPLATE_LINE = 140

# Pure: no Django, no input or output, time as an argument. Everything inside these folders counts.
PURE = (
    "certificates.x509",
    "certificates.authentication",
    "certificates.decisions",
    "certificates.diagnosis",
    "certificates.possession",
    "certificates.samples",
    "certificates.reach.name_constraints",
    "namespaces.authorization",
    "namespaces.client_files",
    "namespaces.control.rules",
)
# The portal switches faults on through these two, and the emulator's users need nothing but Python for it.
STANDARD_LIBRARY_ONLY = ("emulator.fault_rules", "emulator.faults_client")

MAY_IMPORT = {
    "portal": set[str](),
    "sync": {"portal"},
    "namespaces": {"sync", "portal"},
    "certificates": {"namespaces", "sync", "portal"},
    "lab": {"certificates", "namespaces", "sync", "portal"},
    "emulator": set[str](),
}
FORBIDDEN_LIBRARIES = {
    "portal": {"requests", "aiohttp"},
    "sync": {"aiohttp"},
    "namespaces": {"requests", "aiohttp"},
    "certificates": {"kombu", "requests", "aiohttp"},
    "lab": {"celery", "kombu", "requests", "aiohttp"},
    "emulator": {"django", "celery", "kombu"},
}
FORBIDDEN_IN_PURE = {
    *("django", "celery", "kombu", "azure", "aiohttp", "requests"),
    *("asyncio", "os", "pathlib", "shutil", "socket", "subprocess", "tempfile", "threading", "time", "urllib"),
}
AZURE_ONLY_BELOW = "sync.arm"

# Layers inside a package, top first. A module imports from its own layer and from those below, and a folder that is
# named nowhere here fails the test.
APP_LAYERS = (
    {"urls", "apps", "management"},
    {"views", "tasks", "templatetags"},
    {"decision_service"},
    {"forms"},
    {"pages", "menu"},
    {"actions", "importing", "connections", "drift", "capabilities", "self_check"},
    {
        "push",
        "access",
        "rights",
        "explanations",
        "scopes",
        "places",
        "notices",
        "reachability",
        "control",
        "decision_changes",
        "namespace_rules",
        "reach",
        "throttling",
        "workers",
        "registry",
    },
    {"models"},
    {"arm", "rules"},
)
LAYERS = {
    "portal": (
        {"urls", "shell_urls", "apps", "management", "wsgi", "settings"},
        {"views", "tasks", "templatetags"},
        {"web", "fetching", "serving", "deployment", "logs", "sign_in", "single_sign_on", "notifications", "people"},
        {"pages", "demo"},
        {"registry", "activity", "evidence", "observations"},
        {"models"},
        {"listing", "celery", "filesystem_transport", "short_cache"},
    ),
    "sync": APP_LAYERS,
    "namespaces": APP_LAYERS,
    "certificates": APP_LAYERS,
    "lab": (
        {"urls", "class_urls", "apps", "management"},
        {"views"},
        {"forms"},
        {"menu", "linting"},
        {"pages"},
        {"actions"},
        {"devices", "sharing", "checks"},
        {"places"},
        {"models"},
        {"catalogue"},
    ),
    "emulator": (
        {"__main__", "pytest_plugin"},
        {"server", "running", "options"},
        {"arm", "mqtt"},
        {"events"},
        {"ready_file", "token_issuer"},
        {"credentials"},
        {"authority", "storage", "log", "profile", "fault_rules", "faults_client"},
    ),
}


def find_modules() -> Iterator[tuple[str, Path]]:
    for top in TOP_LEVEL:
        for path in sorted((ROOT / top).rglob("*.py")):
            if "migrations" not in path.parts:
                dotted = ".".join(path.relative_to(ROOT).with_suffix("").parts)
                yield dotted.removesuffix(".__init__"), path


MODULES = dict(find_modules())


@cache
def imports_of(name: str) -> frozenset[str]:
    """Return the dotted name of each import, as the module itself wherever `from package import module` names one."""
    return frozenset(_imports_of(name))


def _imports_of(name: str) -> Iterator[str]:
    path = MODULES[name]
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                full = f"{base}.{alias.name}"
                yield full if full in MODULES else base


def top_level(name: str) -> str:
    return name.partition(".")[0]


def is_below(name: str, packages: Iterable[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def layer_of(name: str) -> int:
    """Return the layer of a module in its top-level package, 0 for the top."""
    top, folder, *_ = name.split(".")
    for layer, places in enumerate(LAYERS[top]):
        if folder in places:
            return layer
    pytest.fail(f"{name}: give {folder!r} a layer in {Path(__file__).name}.")


def breaches(names: Iterable[str], wrong_in: Callable[[str], Iterable[str]]) -> dict[str, list[str]]:
    """Return what is wrong in each of these modules, without those in which nothing is."""
    found = {name: sorted(wrong_in(name)) for name in names}
    assert found, "The rule would check nothing."
    return {name: wrong for name, wrong in found.items() if wrong}


def test_packages_import_one_way() -> None:
    shared = (*PURE, *STANDARD_LIBRARY_ONLY)

    def forbidden(name: str) -> set[str]:
        allowed = MAY_IMPORT[top_level(name)] | {top_level(name)}
        ours = {target for target in imports_of(name) if top_level(target) in TOP_LEVEL}
        return {target for target in ours if top_level(target) not in allowed and not is_below(target, shared)}

    assert breaches(MODULES, forbidden) == {}


def test_layers_import_downwards() -> None:
    def above(name: str) -> set[str]:
        own = layer_of(name)
        neighbours = {each for each in imports_of(name) & MODULES.keys() if each.startswith(f"{top_level(name)}.")}
        return {target for target in neighbours if not is_below(target, PURE) and layer_of(target) < own}

    layered = [name for name in MODULES if name not in TOP_LEVEL and not is_below(name, PURE)]
    assert breaches(layered, above) == {}


def test_pure_modules_import_only_pure_modules() -> None:
    def impure(name: str) -> set[str]:
        return {
            target
            for target in imports_of(name)
            if top_level(target) in FORBIDDEN_IN_PURE or (top_level(target) in TOP_LEVEL and not is_below(target, PURE))
        }

    assert breaches([name for name in MODULES if is_below(name, PURE)], impure) == {}


def test_fault_clients_need_only_the_standard_library() -> None:
    def foreign(name: str) -> set[str]:
        return {
            target
            for target in imports_of(name)
            if top_level(target) not in sys.stdlib_module_names and target not in STANDARD_LIBRARY_ONLY
        }

    assert breaches(STANDARD_LIBRARY_ONLY, foreign) == {}


def test_packages_use_only_their_libraries() -> None:
    def forbidden(name: str) -> set[str]:
        azure = set[str]() if is_below(name, [AZURE_ONLY_BELOW]) else {"azure"}
        return {top_level(target) for target in imports_of(name)} & (FORBIDDEN_LIBRARIES[top_level(name)] | azure)

    assert breaches(MODULES, forbidden) == {}


def test_each_layer_names_something_that_exists() -> None:
    """A pure package or a layer that was renamed would otherwise check nothing."""
    missing = [name for name in (*PURE, *STANDARD_LIBRARY_ONLY, AZURE_ONLY_BELOW) if name not in MODULES]
    for top in TOP_LEVEL:
        listed = LAYERS[top] if LAYERS[top] is not APP_LAYERS else ()
        missing += [f"{top}.{place}" for layer in listed for place in layer if f"{top}.{place}" not in MODULES]
    apps = [top for top in TOP_LEVEL if LAYERS[top] is APP_LAYERS]
    for place in sorted(set().union(*APP_LAYERS)):
        if not any(f"{app}.{place}" in MODULES for app in apps):
            missing.append(place)
    assert not missing, f"{missing} is listed here but does not exist."


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {name: {target for target in imports_of(name) & MODULES.keys() if target != name} for name in MODULES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail("Import cycle: " + " ← ".join(error.args[1]))


def test_no_folder_has_too_many_modules() -> None:
    sizes: dict[Path, int] = {}
    for path in MODULES.values():
        if path.name != "__init__.py":
            sizes[path.parent] = sizes.get(path.parent, 0) + 1
    full = {str(folder.relative_to(ROOT)): size for folder, size in sizes.items() if size > MOST_MODULES}
    assert not full, f"Split these folders by feature: {full}."


def test_names_are_compared_by_the_index() -> None:
    """No index serves `__iexact`, so `SyncedQuerySet.named` and `same_name` compare names.

    Apart from user names, of which there are few, and from JSON, which has no index: it is read after a refusal only.
    """
    allowed = re.compile(r"(base__properties__\S*?|username)__iexact")

    def slow_lines(name: str) -> list[str]:
        lines = MODULES[name].read_text(encoding="utf-8").splitlines()
        return [line.strip() for line in lines if "__iexact" in allowed.sub("", line)]

    assert breaches(MODULES, slow_lines).keys() <= {"sync.models.names"}


WRITES = {"save", "create", "get_or_create", "update", "update_or_create", "delete", "bulk_create", "bulk_update"}


def test_template_lines_are_short_enough_to_read() -> None:
    """Break them between elements and attributes; move a long text of an `include` into a `with` around it."""
    long = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in sorted((ROOT / "templates").rglob("*.html"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if len(line) > LONGEST_TEMPLATE_LINE
    ]
    assert long == []


def test_pages_only_read() -> None:
    """`pages` show what is there; `actions` change it. A call of `dict.update` there is better written with `|`."""

    def writes(name: str) -> list[str]:
        return [
            f"{node.func.attr} in line {node.lineno}"
            for node in ast.walk(parsed(MODULES[name]))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in WRITES
        ]

    assert breaches([name for name in MODULES if name.split(".")[1:2] == ["pages"]], writes) == {}


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
            continue  # an image
        if path != Path(__file__).resolve():
            lines = enumerate(text.splitlines(), 1)
            found += [
                f"{path.relative_to(ROOT)}:{n}" for n, line in lines if machine_path.search(line) or hosts.search(line)
            ]
    assert not found, "A path of one machine or the address of a package registry is in: " + ", ".join(found)
