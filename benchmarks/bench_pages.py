"""The main pages in a browser: Lighthouse's scores, bytes of a first load, layout shift, and the time of a swap by htmx.

The portal serves its static files as in production, hashed and compressed. Lighthouse comes from npm (`make lighthouse`) and
uses its settings for desktops. The peer of a swap is the same answer of the server fetched and put into the page by hand.
"""

import json
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from benchmarks.report import Measurement, report
from tests.e2e import browser as installed
from tests.e2e.demo_process import ROOT, running_demo
from tests.e2e.session import signed_in
from tests.support.waiting import until

PAGES = {
    "Sign-in": "sign-in/",
    "Home": "home/",
    "Overview": "namespaces/1/",
    "Clients": "namespaces/1/clients/",
    "CA certificates": "namespaces/1/ca-certificates/",
    "Upload pane": "namespaces/1/upload-certificate/",
    "Connections": "namespaces/1/connections/",
    "Test authentication": "namespaces/1/test-authentication/",
}
WITHOUT_SESSION = {"Sign-in"}
GOALS = {"performance": 95, "accessibility": 100, "best-practices": 100}
SWAPS = 40
LIGHTHOUSE = ROOT / "benchmarks" / "node"

OBSERVE_SHIFTS = """
  window.shift = 0;
  new PerformanceObserver(list => { for (const each of list.getEntries()) window.shift += each.value; })
    .observe({ type: "layout-shift", buffered: true });
"""
# Sorts the list in both directions by turns, and fetches the same address by hand in between.
SWAP = """async rounds => {
  const ours = [], peer = [], frame = () => new Promise(requestAnimationFrame);
  const once = name => new Promise(done => document.addEventListener(name, done, { once: true }));
  const aside = document.createElement("div");
  aside.hidden = true;
  document.body.append(aside);
  for (let round = 0; round < rounds; round++) {
    const url = `${location.pathname}?sort=${round % 2 ? "" : "-"}name`;
    const began = performance.now(), settled = once("htmx:afterSettle");
    htmx.ajax("GET", url, { target: "#grid", swap: "innerHTML" });
    await settled;
    await frame();
    ours.push(performance.now() - began);
    const again = performance.now();
    const answer = await fetch(url, { headers: { "HX-Request": "true" } });
    aside.innerHTML = await answer.text();
    await frame();
    peer.push(performance.now() - again);
    aside.replaceChildren();
  }
  return [ours, peer];
}"""


def p95(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.95)]


@contextmanager
def portal(folder: Path) -> Iterator[dict[str, Any]]:
    """Run a filled demo, and beside its own portal one with static files as `collectstatic` leaves them. Yield the endpoints."""
    static = {"PORTAL_STATIC_ROOT": str(folder / "static")}
    with running_demo(folder / "state", filled=True) as demo:
        endpoints = demo.wait_ready()
        environment = environment_of(demo.pid_of("portal")) | static
        collect = [sys.executable, "manage.py", "collectstatic", "--noinput", "--verbosity=0"]
        subprocess.run(collect, cwd=ROOT, env=environment, check=True)
        with serving(environment, folder / "portal.log") as port:
            yield endpoints | {"portal": f"http://127.0.0.1:{port}/"}


def environment_of(pid: int) -> dict[str, str]:
    """Return the environment of a process: what the demo has set for its portal."""
    text = Path(f"/proc/{pid}/environ").read_bytes().decode()
    return dict(entry.split("=", 1) for entry in text.split("\0") if "=" in entry)


@contextmanager
def serving(environment: dict[str, str], log: Path) -> Iterator[int]:
    """Run the portal by gunicorn on a free port, which is yielded once it answers."""
    with socket.socket() as listener, log.open("wb") as output:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = int(listener.getsockname()[1])
        command = [
            *(sys.executable, "-m", "gunicorn", "portal.wsgi:application", f"--bind=fd://{listener.fileno()}"),
            *("--worker-class=portal.serving.bounded_worker.BoundedThreadWorker", "--threads=8", "--no-control-socket"),
        ]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, pass_fds=[listener.fileno()], stderr=output)
    try:
        until(lambda: requests.get(f"http://127.0.0.1:{port}/healthz", timeout=60).ok, "the portal answers")
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


def cookies_of(endpoints: dict[str, Any]) -> dict[str, str]:
    with signed_in(endpoints, "dana") as session:
        return {cookie.name: cookie.value or "" for cookie in session.cookies}


def visitor(browser: Browser, endpoints: dict[str, Any], cookies: dict[str, str]) -> BrowserContext:
    context = browser.new_context(viewport={"width": 1350, "height": 940})
    context.add_cookies([{"name": name, "value": value, "url": endpoints["portal"]} for name, value in cookies.items()])
    context.add_init_script(OBSERVE_SHIFTS)
    return context


def first_loads(browser: Browser, endpoints: dict[str, Any], cookies: dict[str, str]) -> Iterator[Measurement]:
    """Load each page with an empty cache; count the bytes of all its answers, and how far its parts move."""
    for name, path in PAGES.items():
        context = visitor(browser, endpoints, {} if name in WITHOUT_SESSION else cookies)
        page = context.new_page()
        received: list[int] = []
        network = context.new_cdp_session(page)
        network.send("Network.enable")
        network.on("Network.loadingFinished", lambda done, to=received: to.append(done["encodedDataLength"]))
        page.goto(endpoints["portal"] + path, wait_until="networkidle")
        yield Measurement(f"{name}: first load", sum(received) / 1000, " KB", 80)
        yield Measurement(f"{name}: layout shift", round(page.evaluate("window.shift"), 3), "", 0)
        context.close()


def swaps(browser: Browser, endpoints: dict[str, Any], cookies: dict[str, str]) -> Iterator[Measurement]:
    """Sort the list of clients again and again."""
    context = visitor(browser, endpoints, cookies)
    page = context.new_page()
    page.goto(f"{endpoints['portal']}{PAGES['Clients']}", wait_until="networkidle")
    page.evaluate(SWAP, 5)  # warm
    before = page.evaluate("window.shift")
    ours, peer = page.evaluate(SWAP, SWAPS)
    yield Measurement("Clients: htmx swap p95", p95(ours), " ms", 100, peer=p95(peer), goal_is_absolute=True)
    yield Measurement("Clients: layout shift of swaps", round(page.evaluate("window.shift") - before, 3), "", 0)
    context.close()


def lighthouse_scores(chrome: Path, endpoints: dict[str, Any], cookies: dict[str, str]) -> Iterator[Measurement]:
    """Run Lighthouse on each page, and print what it finds below its scores."""
    cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
    pages = [
        {"name": name, "url": endpoints["portal"] + path, "cookie": "" if name in WITHOUT_SESSION else cookie}
        for name, path in PAGES.items()
    ]
    wanted = json.dumps({"chrome": str(chrome), "pages": pages})
    command = ["node", "scores.mjs"]
    done = subprocess.run(command, cwd=LIGHTHOUSE, input=wanted, capture_output=True, text=True, check=False)
    for line in done.stdout.splitlines():
        found = json.loads(line)
        if found["error"] or not found["url"].endswith(PAGES[found["name"]]):
            raise SystemExit(f"Lighthouse did not see {found['name']}: {found['url']} {found['error']}")
        for category, goal in GOALS.items():
            score = found["scores"][category]
            yield Measurement(f"{found['name']}: {category}", score, "", goal, more_is_better=True)
        for each in found["failed"]:
            print(f"  {found['name']}: {each}")
    if done.returncode:
        raise SystemExit(f"Lighthouse failed: {done.stderr[-2000:]}")


def main() -> int:
    chrome = installed.ensure()
    with tempfile.TemporaryDirectory(prefix="bench-pages-") as name, portal(Path(name)) as endpoints:
        cookies = cookies_of(endpoints)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chrome, args=["--no-sandbox"])
            results = [report(each) for each in first_loads(browser, endpoints, cookies)]
            results += [report(each) for each in swaps(browser, endpoints, cookies)]
            browser.close()
        if shutil.which("node") and (LIGHTHOUSE / "node_modules").is_dir():
            results += [report(each) for each in lighthouse_scores(chrome, endpoints, cookies)]
        else:
            print("Lighthouse is not installed, so there are no scores: make lighthouse")
            results.append(False)
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
