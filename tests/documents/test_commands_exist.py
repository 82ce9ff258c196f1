"""Commands in the documents that change the machine, or need one, are not run: each exists, and takes the options that are written."""

import re
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

from emulator.options import _parser
from tests.documents.pages import PAGES, ROOT, commands_of

OPTION = re.compile(r"(?<!\S)(--[a-z][a-z-]*)")
FOLDERS = "benchmarks|certificates|deploy|docs|emulator|lab|namespaces|portal|requirements|static|sync|templates|tests"
NOT_PATHS = {"namespaces/write"}  # an action of Azure
OF_MANAGE = commands_of("manage.py")
OF_MAKE = commands_of("make")
OF_EMULATOR = commands_of("eventgrid-emulator")


def test_commands_of_the_portal() -> None:
    known = get_commands()
    wrong: list[tuple[str, ...]] = []
    for page, text in OF_MANAGE:
        name, *_ = text.split()
        if name not in known:
            wrong.append((page, text))
            continue
        app = known[name]
        command = load_command_class(app, name) if isinstance(app, str) else app
        options = command.create_parser("manage.py", name)._option_string_actions
        wrong += [(page, text, each) for each in OPTION.findall(text) if each not in options]
    assert len(OF_MANAGE) > 20
    assert wrong == []


def test_targets_of_make() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    targets |= {path.stem.replace("_", "-") for path in (ROOT / "benchmarks").rglob("bench_*.py")}  # bench-%
    named = {(page, text.split()[0]) for page, text in OF_MAKE if re.match(r"[a-z-]+(\s|$)", text)}
    in_code = {
        (page, name)
        for page, name in named
        if re.search(rf"(`|^ *)make {re.escape(name)}\b", PAGES[page], re.MULTILINE)
    }
    assert {name for _, name in in_code} >= {"demo", "test", "production"}
    assert [each for each in sorted(in_code) if each[1] not in targets] == []


def test_options_of_the_emulator() -> None:
    options = _parser({})._option_string_actions
    wrong = [(page, each) for page, text in OF_EMULATOR for each in OPTION.findall(text) if each not in options]
    assert OF_EMULATOR
    assert wrong == []


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files(page: str) -> None:
    folder = (ROOT / page).parent
    linked = {target for target in re.findall(r"\]\(([^)#\s]+)", PAGES[page]) if "://" not in target}
    assert [target for target in sorted(linked) if not Path(folder / target).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_named_paths_exist(page: str) -> None:
    """Paths in code that begin with a folder of the repository, such as `tests/support/waiting.py` or `deploy/`."""
    named = set(re.findall(rf"`((?:{FOLDERS})/[\w./-]*)", PAGES[page]))
    assert [path for path in sorted(named) if not (ROOT / path).exists() and path not in NOT_PATHS] == []
