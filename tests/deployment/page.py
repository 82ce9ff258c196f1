"""What docs/production.md says, for tests: its commands and its table of variables."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = (ROOT / "docs/production.md").read_text(encoding="utf-8")
TESTED = re.compile(r"<!-- tested: ([a-z-]+) -->\n```sh\n(.*?)```\n", re.DOTALL)
COMMANDS = dict(TESTED.findall(PAGE))  # name of a block → its commands


def variables() -> dict[str, bool]:
    """Return the environment variables of the page's table, and whether each is marked as a secret."""
    table = PAGE.partition("## Every variable")[2].partition("\n## ")[0]
    first_cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    return {name: bool(star) for cell in first_cells for name, star in re.findall(r"`([A-Z_]+)`(\*?)", cell)}
