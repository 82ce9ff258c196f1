/* What a page shows while the server works: a line at the top and a quiet list after 300 ms, a turning mark in the pressed button.
   `data-checking="id of a file input"` on a target of htmx: it says "Checking client2.crt…" until the answer comes.
   Requests that the page makes by itself (the bell, a page that refreshes) show nothing. */
"use strict";
(() => {
  const WAIT_MS = 300;
  const root = document.documentElement;
  const shown = new Map(); // request (XMLHttpRequest) → what undoes its marks
  const isQuiet = (element) => element?.closest?.("#bell, #search") || /every|load|from:body/.test(element?.getAttribute?.("hx-trigger") ?? "");
  // As portal.js does: an invisible character could make a name look like another.
  const visible = (text) => text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu,
    (char) => `‹U+${char.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}›`);

  function checking(target) {
    const file = document.getElementById(target.dataset.checking)?.files?.[0];
    const words = document.createElement("p");
    words.className = "checking";
    words.textContent = file ? `Checking ${visible(file.name)}…` : "Checking…";
    target.prepend(words); // the answer replaces it
    return words;
  }

  function begin(target, button) {
    const words = target?.dataset.checking !== undefined ? checking(target) : null;
    target?.setAttribute("aria-busy", "true");
    button?.classList.add("busy");
    root.classList.add("waiting");
    return () => {
      words?.remove();
      target?.removeAttribute("aria-busy");
      button?.classList.remove("busy");
    };
  }

  document.addEventListener("htmx:beforeSend", (event) => {
    const { elt, target, xhr, requestConfig } = event.detail;
    if (isQuiet(elt)) return;
    const pressed = requestConfig?.triggeringEvent?.submitter ?? elt;
    const button = pressed.matches?.("button, a.button, a.command") ? pressed : null;
    const timer = setTimeout(() => shown.set(xhr, begin(target, button)), WAIT_MS);
    shown.set(xhr, () => clearTimeout(timer));
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    shown.get(event.detail.xhr)?.();
    shown.delete(event.detail.xhr);
    if (shown.size === 0) root.classList.remove("waiting");
  });

  /* ---------- a form or a link that leads to another page ---------- */
  let leaving = 0;
  function arrive() {
    clearTimeout(leaving);
    root.classList.remove("waiting");
    for (const button of document.querySelectorAll("button.busy")) button.classList.remove("busy");
  }
  document.addEventListener("submit", (event) => {
    if (event.defaultPrevented || event.target.method === "dialog" || event.target.target === "_blank") return;
    const button = event.submitter;
    leaving = setTimeout(() => { button?.classList.add("busy"); root.classList.add("waiting"); }, WAIT_MS);
  });
  addEventListener("pageshow", arrive);
})();
