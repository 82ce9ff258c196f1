"""Pictures of every page of a filled demo, for people to look at, and what a program can see in them.

They are in build/screenshots/pages, or below the folder that the variable SCREENSHOTS names: three widths in light colours, two in
dark ones. No person's walk depends on another's.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, ViewportSize

from tests.e2e.demo_process import DemoProcess, running_demo
from tests.e2e.guide import Guide
from tests.e2e.walk import WALK
from tests.e2e.walk_stops import Stop

pytestmark = [pytest.mark.e2e, pytest.mark.long]
WIDTHS = {1440: 900, 1280: 900, 390: 844}
PHONE = 390
DARK = {1440, PHONE}  # it differs in colours alone

# What is wrong on a page, as sentences: too wide, headings without words, commands over one another or cut off, labels of buttons cut off.
FAULTS = """phone => {
  const wrong = [], root = document.documentElement;
  const seen = each => each.checkVisibility() && !getComputedStyle(each).clipPath.includes("50%");
  const name = each => (each.getAttribute("aria-label") || each.textContent).trim().replace(/\\s+/g, " ").slice(0, 40);
  const over = root.scrollWidth - root.clientWidth;
  if (over > 0) wrong.push(`${over} px too wide`);
  for (const head of document.querySelectorAll("h1, h2, h3"))
    if (seen(head) && !head.textContent.trim()) wrong.push("a heading without words");
  for (const bar of document.querySelectorAll(".commands, .pane-foot, .page-head, .top-bar")) {
    if (!seen(bar)) continue;
    const edge = bar.getBoundingClientRect();
    const parts = [...bar.querySelectorAll("a, button")].filter(each => seen(each) && !each.closest("[popover], .hits"));
    const boxes = parts.map(each => each.getBoundingClientRect());
    boxes.forEach((box, at) => {
      if (box.left < edge.left - 1 || box.right > edge.right + 1) wrong.push(`“${name(parts[at])}” is cut off`);
      boxes.slice(at + 1).forEach((other, after) => {
        const across = Math.min(box.right, other.right) - Math.max(box.left, other.left);
        const down = Math.min(box.bottom, other.bottom) - Math.max(box.top, other.top);
        const inside = parts[at].contains(parts[at + 1 + after]);
        if (across > 1 && down > 1 && !inside) wrong.push(`“${name(parts[at])}” covers “${name(parts[at + 1 + after])}”`);
      });
    });
  }
  for (const button of document.querySelectorAll(":is(a.button, button, a.command, .pill, h1):not(.visually-hidden)")) {
    if (seen(button) && button.scrollWidth > button.clientWidth + 1 && getComputedStyle(button).display !== "inline" &&
        getComputedStyle(button).overflow !== "visible" && getComputedStyle(button).textOverflow !== "ellipsis")
      wrong.push(`the label “${name(button)}” is cut off`);
  }
  return wrong;
}"""


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoProcess]:
    """A demo with a plant, and of its own, since the pictures show all that is in it."""
    with running_demo(tmp_path_factory.mktemp("demo") / "state", filled=True) as process:
        process.wait_ready()
        yield process


@pytest.fixture(scope="module")
def folder(screenshots: Path) -> Path:
    pages = screenshots / "pages"
    pages.mkdir(exist_ok=True)
    for former in pages.glob("*.png"):
        former.unlink()
    return pages


@pytest.mark.parametrize("who", WALK)
def test_every_page_fits_at_every_width(filled: DemoProcess, chromium: Browser, folder: Path, who: str) -> None:
    found = list(walk(filled.wait_ready(), chromium, folder, who))
    assert not found, "\n".join(found)


def walk(ready: dict[str, Any], chromium: Browser, folder: Path, who: str) -> Iterator[str]:
    """Take the pictures of all that one person opens, and yield what is wrong."""
    context = chromium.new_context(viewport=ViewportSize(width=1440, height=900), reduced_motion="reduce")
    page = context.new_page()
    console: list[str] = []
    page.on("console", lambda said: console.append(said.text) if said.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: console.append(str(error)))
    if who != "nobody":
        Guide(page, ready, folder.parent).sign_in(who)
    for stop in WALK[who]:
        page.set_viewport_size(ViewportSize(width=1440, height=900))
        page.goto(ready["portal"] + stop.path)
        if "/account/confirm/?" in page.url:
            confirm(page, next(user["password"] for user in ready["users"] if user["username"] == who))
        if stop.act is not None:
            stop.act(page)
        for fault in (*faults_of(page, stop, folder), *(said for said in console if not _is_expected(said))):
            yield f"{stop.name}: {fault}"
        console.clear()
    context.close()


def confirm(page: Page, password: str) -> None:
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Confirm").click()


def faults_of(page: Page, stop: Stop, folder: Path) -> Iterator[str]:
    """Take the pictures of a page, and yield what is wrong at each width."""
    for width, height in WIDTHS.items():
        page.set_viewport_size(ViewportSize(width=width, height=height))
        for fault in page.evaluate(FAULTS, width == PHONE):
            yield f"at {width}: {fault}"
        for scheme in ("light", "dark") if width in DARK else ("light",):
            page.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
            page.screenshot(path=folder / f"{stop.name}-{width}-{scheme}.png", full_page=True)
    page.emulate_media(color_scheme="light", reduced_motion="reduce")


def _is_expected(said: str) -> bool:
    """Chromium's own word on a page that refuses, or on a form that is sent back."""
    return any(f"status of {code}" in said for code in (403, 404, 409, 422))
