/* How far a large export is. A link with `data-export`, the address that reports it, asks for its file with a token; the page then
   asks how far the file is until it has been sent. A file that takes less than a second shows nothing. */
"use strict";
(() => {
  const EVERY_MS = 1000;
  const MOST_UNKNOWN = 10; // answers in a row: the file was refused, or another tab took it over
  const SHOWN_MS = 7000;
  const inWords = (count) => count.toLocaleString("en");
  const newToken = () => [...crypto.getRandomValues(new Uint8Array(16))]
    .map((byte) => byte.toString(16).padStart(2, "0")).join("");

  function show(label) {
    const toast = document.createElement("div");
    toast.className = "message info export-progress";
    toast.dataset.toast = "";
    toast.dataset.done = ""; // it stays until the file is there
    toast.dataset.exportProgress = "running";
    const words = document.createElement("p");
    words.className = "grow";
    words.textContent = `Exporting as ${label}…`;
    const bar = document.createElement("progress");
    bar.setAttribute("aria-label", "Rows exported");
    const count = document.createElement("span");
    count.setAttribute("aria-hidden", "true"); // the region is live: each number would be read out
    const close = document.createElement("button");
    close.type = "button";
    close.className = "icon-button close";
    close.dataset.toastClose = "";
    close.setAttribute("aria-label", "Dismiss");
    close.textContent = "×";
    toast.append(words, bar, count, close);
    document.getElementById("toasts")?.append(toast);
    return { toast, words, bar, count };
  }

  function draw(shown, { done, total }) {
    shown.bar.max = Math.max(total, done, 1);
    shown.bar.value = done;
    shown.count.textContent = `${inWords(done)} of ${inWords(Math.max(total, done))} rows`;
  }

  function finish(shown, { state, done }) {
    const isThere = state === "done";
    shown.toast.dataset.exportProgress = state;
    shown.toast.className = `message ${isThere ? "good" : "warning"}`;
    shown.words.textContent = isThere ? `Exported ${inWords(done)} rows.` : "The export was stopped.";
    shown.bar.remove();
    shown.count.remove();
    if (isThere) setTimeout(() => shown.toast.remove(), SHOWN_MS);
  }

  async function follow(address, label) {
    let shown = null;
    let unknown = 0;
    while (unknown < MOST_UNKNOWN) {
      await new Promise((resolve) => { setTimeout(resolve, EVERY_MS); });
      let answer;
      try {
        const headers = { Accept: "application/json", "HX-Trigger": "export-progress" };
        answer = await (await fetch(address, { headers, cache: "no-store" })).json();
      } catch { // signed out, or the portal cannot be reached
        break;
      }
      unknown = answer.state === "unknown" ? unknown + 1 : 0;
      if (answer.state === "running") {
        shown ??= show(label);
        draw(shown, answer);
      } else if (answer.state !== "unknown") {
        if (shown) finish(shown, answer);
        return;
      }
    }
    shown?.toast.remove();
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[data-export]");
    if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const token = newToken();
    const plain = link.getAttribute("href");
    const url = new URL(link.href);
    url.searchParams.set("progress", token);
    link.href = url.href; // the browser follows it after this listener
    setTimeout(() => link.setAttribute("href", plain));
    follow(link.dataset.export.replace("TOKEN", token), link.textContent.trim());
  });
})();
