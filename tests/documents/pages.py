"""The documents of the repository and the commands in them."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PATHS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "THREAT_MODEL.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in PATHS}
_TESTED = re.compile(r"<!-- tested: ([a-z-]+) -->\n```sh\n(.*?)```\n", re.DOTALL)
SAMPLE_CHAIN: dict[str, str] = dict(_TESTED.findall(PAGES["docs/sample-certificates.md"]))  # by the name of the form


def without_line_breaks(text: str) -> str:
    """Return the text with lines that end in a backslash joined."""
    return re.sub(r"\\\n\s*", "", text)


def commands_of(program: str) -> list[tuple[str, str]]:
    """Return page and arguments of each mention of a program in code, up to the end of the code or of the line."""
    pattern = re.compile(rf"(?<![\w/-]){re.escape(program)} +([^`\n|#;&)]*)")
    return [(name, found) for name, text in PAGES.items() for found in pattern.findall(without_line_breaks(text))]
