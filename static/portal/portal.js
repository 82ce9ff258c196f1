/* The shell's behaviour. Small, without dependency; every page works without it.
   Hooks are data attributes, so that templates need no script: data-choose-all, data-copy, data-copy-from, data-drop-zone,
   data-follows, data-menu, data-menu-search, data-moment, data-pane-close, data-popover, data-search, data-theme-form, data-toast, data-local.
   Servers may send HX-Trigger: {"toast": {"text": …, "kind": "success"}} and "pane-close". */
"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const one = (selector, within = document) => within.querySelector(selector);

  /* ---------- times in the reader's zone ---------- */
  const DATE = { day: "2-digit", month: "short", year: "numeric" };
  const CLOCK = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  const SECONDS = { ...CLOCK, second: "2-digit" };
  const SHAPES = { date: DATE, datetime: { ...DATE, ...CLOCK }, time: SECONDS, exact: { ...DATE, ...SECONDS } };
  const formats = {};
  function localise(within) {
    for (const element of all("time[data-local]:not([data-done])", within)) {
      const shape = SHAPES[element.dataset.local] ? element.dataset.local : "datetime";
      formats[shape] ??= new Intl.DateTimeFormat("en-GB", SHAPES[shape]);
      const moment = new Date(element.dateTime);
      if (!Number.isNaN(moment.getTime())) element.textContent = formats[shape].format(moment).replace(",", "");
      element.dataset.done = "";
    }
  }

  /* ---------- toasts ---------- */
  const TOAST_MS = 7000;
  function watchToasts() {
    for (const toast of all("#toasts [data-toast]:not([data-done])")) {
      toast.dataset.done = "";
      if (toast.classList.contains("bad") || toast.classList.contains("warning")) continue; // stays until dismissed
      let timer = setTimeout(() => toast.remove(), TOAST_MS);
      toast.addEventListener("mouseenter", () => clearTimeout(timer));
      toast.addEventListener("focusin", () => clearTimeout(timer));
      toast.addEventListener("mouseleave", () => { timer = setTimeout(() => toast.remove(), TOAST_MS); });
    }
  }
  const TOAST_CLASS = { success: "good", error: "bad", warning: "warning", info: "info" };
  function showToast(text, kind = "info") {
    const host = one("#toasts");
    if (!host || all("[data-toast]", host).some((toast) => one("p", toast)?.textContent === text)) return;
    const toast = document.createElement("div");
    toast.className = `message ${TOAST_CLASS[kind] ?? "info"}`;
    toast.dataset.toast = "";
    const words = document.createElement("p");
    words.className = "grow";
    words.textContent = text;
    const close = document.createElement("button");
    close.type = "button";
    close.className = "icon-button close";
    close.dataset.toastClose = "";
    close.setAttribute("aria-label", "Dismiss");
    close.textContent = "×";
    toast.append(words, close);
    host.append(toast);
    watchToasts();
  }

  /* ---------- pane: focus goes in, stays in, and comes back ---------- */
  let opener = null;
  let openerId = "";
  let shownPane = null;
  let paneByHtmx = false;
  // What was typed into a pane that was closed on the way (Esc, ×) is there when it opens again; Cancel throws it away.
  let typedInto = null;
  let kept = null;
  const sentBy = (pane) => pane && one("form", pane)?.getAttribute("action");
  function bringBackTyped(pane) {
    if (!kept || sentBy(kept) !== sentBy(pane)) return pane;
    pane.replaceWith(kept);
    const back = typedInto = kept;
    kept = null;
    showToast("What you typed is still here. Cancel throws it away.");
    return back;
  }
  function watchPane() {
    let pane = one("#pane .pane");
    if (pane && !shownPane) pane = bringBackTyped(pane);
    const page = one("#page");
    if (page) page.inert = Boolean(pane);
    root.classList.toggle("pane-open", Boolean(pane));
    if (pane && !shownPane) {
      const active = document.activeElement;
      opener = active && active !== document.body ? active : opener;
      openerId = opener?.id ?? "";
    }
    if (pane && pane !== shownPane) {
      const first = one('[aria-invalid="true"]', pane) ?? one("[autofocus]", pane) ??
        one('.pane-body :is(input:not([type="hidden"], [type="file"]), select, textarea)', pane) ?? one("#pane-title", pane);
      first?.focus({ preventScroll: first.id === "pane-title" });
    }
    if (!pane && shownPane) {
      const back = opener?.isConnected ? opener : openerId ? document.getElementById(openerId) : null;
      (back ?? one("#main"))?.focus({ preventScroll: true });
      opener = null;
    }
    if (!pane) { paneByHtmx = false; typedInto = null; }
    if (pane && typedInto) typedInto = pane; // also when it came back from the server with what is wrong
    shownPane = pane;
  }
  function closePane(link, isDone = false) {
    const host = one("#pane");
    if (!host || !one(".pane", host)) return;
    const below = link ?? one("[data-pane-close]", host);
    const onTheWay = typedInto && !isDone && !link?.closest(".pane-foot, .buttons");
    if (!paneByHtmx && below?.href) { // the server drew it open
      if (!onTheWay || confirm("Close and lose what you typed?")) location.assign(below.href);
      return;
    }
    kept = onTheWay ? one(".pane", host) : null;
    host.replaceChildren();
    watchPane();
  }
  function keepFocusIn(event, pane) {
    const places = all('a[href], button, input:not([type="hidden"]), select, textarea, summary, [tabindex="0"]', pane)
      .filter((place) => !place.disabled && place.getClientRects().length > 0);
    if (places.length === 0) return;
    const [first, last] = [places[0], places[places.length - 1]];
    const at = document.activeElement;
    if (event.shiftKey ? at === first || !pane.contains(at) : at === last || !pane.contains(at)) {
      event.preventDefault();
      (event.shiftKey ? last : first).focus();
    } else if (event.shiftKey && at?.id === "pane-title") {
      event.preventDefault();
      last.focus();
    }
  }

  /* ---------- copy ---------- */
  async function copy(button) {
    const from = button.dataset.copyFrom && document.getElementById(button.dataset.copyFrom);
    const text = from ? from.value ?? from.textContent : button.dataset.copy ?? "";
    const label = one("span", button) ?? button;
    const before = label.dataset.label ?? label.textContent;
    label.dataset.label = before;
    try {
      await navigator.clipboard.writeText(text.trim());
      label.textContent = "Copied";
      button.classList.add("done");
    } catch {
      label.textContent = "Not allowed";
      showToast("The browser did not allow copying. Select the text and copy it yourself.", "warning");
    }
    setTimeout(() => { label.textContent = before; button.classList.remove("done"); }, 1600);
  }

  /* ---------- drop zone ---------- */
  // As the server shows what cannot be seen: a name that turns its letters round could pose as another.
  const visible = (text) => text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu,
    (char) => `‹U+${char.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}›`);
  function describeFiles(zone) {
    const input = one('input[type="file"]', zone);
    const name = one("[data-drop-name]", zone);
    if (!input || !name) return;
    name.dataset.empty ??= name.textContent;
    const files = [...input.files];
    name.textContent = files.length ? files.map((file) => visible(file.name)).join(", ") : name.dataset.empty;
    zone.classList.toggle("filled", files.length > 0 || "held" in zone.dataset);
  }
  function zoneOf(event) {
    return event.target instanceof Element && [...(event.dataTransfer?.types ?? [])].includes("Files")
      ? event.target.closest("[data-drop-zone]") : null;
  }
  document.addEventListener("dragover", (event) => {
    const zone = zoneOf(event);
    if (zone) { event.preventDefault(); zone.classList.add("over"); }
  });
  document.addEventListener("dragleave", (event) => {
    const zone = zoneOf(event);
    if (zone && !zone.contains(event.relatedTarget)) zone.classList.remove("over");
  });
  document.addEventListener("drop", (event) => {
    const zone = zoneOf(event);
    if (!zone) return;
    event.preventDefault();
    zone.classList.remove("over");
    const input = one('input[type="file"]', zone);
    const files = event.dataTransfer.files;
    if (!input || files.length === 0) return;
    if (files.length > 1 && !input.multiple) { showToast("Drop one file at a time.", "warning"); return; }
    input.files = files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  });

  /* ---------- theme: at once here, remembered by the server ---------- */
  function chooseTheme(form, chosen) {
    if (chosen === "system") delete root.dataset.theme; else root.dataset.theme = chosen;
    for (const button of all("button[name=theme]", form)) button.setAttribute("aria-pressed", String(button.value === chosen));
    const body = new FormData(form);
    body.set("theme", chosen);
    fetch(form.action, { method: "POST", body, headers: { "HX-Request": "true" } }).catch(() => {});
  }

  /* ---------- a field that follows another until somebody types into it ---------- */
  function followed(event) {
    for (const follower of all(`[data-follows="${event.target.id}"]`)) {
      if (follower.dataset.typed === undefined) follower.value = event.target.value;
    }
    if (event.target.dataset.follows !== undefined) event.target.dataset.typed = "";
  }
  function watchFollowers() {
    for (const follower of all("[data-follows]")) {
      const followed = document.getElementById(follower.dataset.follows);
      if (follower.value && follower.value !== followed?.value) follower.dataset.typed = "";
    }
  }

  /* ---------- a moment on a slider, shown while it moves and asked for when it rests ---------- */
  function showMoment(slider) {
    const moment = new Date(Number(slider.value) * 1000);
    const field = document.getElementById(slider.dataset.moment);
    if (field) field.value = moment.toISOString().slice(0, 16); // the field is in UTC
    const shown = one("[data-moment-shown]", slider.parentElement);
    if (shown) shown.textContent = new Intl.DateTimeFormat("en-GB", SHAPES.datetime).format(moment).replace(",", "");
  }

  /* ---------- many rows: one tick for all of a page, and buttons that wait until one is ticked ---------- */
  const boxesBelow = (head) => all('tbody input[type="checkbox"]', head.closest("table"));
  function watchChoices() {
    for (const head of all("[data-choose-all]")) {
      const boxes = boxesBelow(head);
      const ticked = boxes.filter((box) => box.checked).length;
      head.checked = ticked > 0 && ticked === boxes.length;
      head.indeterminate = ticked > 0 && ticked < boxes.length;
    }
    for (const form of all("form[data-choosing]")) {
      const idle = form.elements.which?.value === "chosen" && ![...form.elements].some((box) => box.type === "checkbox" && box.checked);
      for (const button of all("button", form)) {
        button.disabled = idle;
        button.title = idle ? "Tick one first" : "";
      }
    }
  }

  /* ---------- menu search, search results ---------- */
  function filterMenu(input) {
    const wanted = input.value.trim().toLowerCase();
    const menu = input.closest("[data-menu]");
    let shown = 0;
    for (const group of all("[data-menu-group]", menu)) {
      let inGroup = 0;
      for (const entry of all("li", group)) {
        entry.hidden = !one("a", entry).textContent.toLowerCase().includes(wanted);
        inGroup += entry.hidden ? 0 : 1;
      }
      group.hidden = inGroup === 0;
      shown += inGroup;
    }
    one("[data-menu-none]", menu).hidden = shown > 0;
  }
  function moveInResults(event) {
    const box = one(".search");
    const hits = all("#search-results .hit", box);
    if (!box || !box.contains(document.activeElement) || hits.length === 0) return;
    const at = hits.indexOf(document.activeElement);
    const to = event.key === "ArrowDown" ? at + 1 : at - 1;
    event.preventDefault();
    (hits[to] ?? (to < 0 ? one("#search") : hits[hits.length - 1])).focus();
  }
  const closeResults = () => one("#search-results")?.replaceChildren();

  /* ---------- events ---------- */
  document.addEventListener("click", (event) => {
    if (!(event.target instanceof Element)) return;
    const hit = (selector) => event.target.closest(selector);
    for (const pop of all("details[data-popover][open]")) if (!pop.contains(event.target)) pop.open = false;
    if (!hit(".search")) closeResults();
    const copyButton = hit("[data-copy], [data-copy-from]");
    if (copyButton) copy(copyButton);
    hit("[data-toast-close]")?.closest("[data-toast]").remove();
    const closing = hit("#pane [data-pane-close]");
    if (closing && !event.ctrlKey && !event.metaKey) { event.preventDefault(); closePane(closing); }
  });
  document.addEventListener("submit", (event) => {
    if (event.target.matches("[data-theme-form]") && event.submitter) {
      event.preventDefault();
      chooseTheme(event.target, event.submitter.value);
      const pop = event.target.closest("details");
      pop.open = false;
      one("summary", pop).focus();
    }
  });
  document.addEventListener("input", (event) => {
    typedInto = event.target.closest("#pane .pane") ?? typedInto;
    if (event.target.matches("[data-menu-search]")) filterMenu(event.target);
    if (event.target.id) followed(event);
    if (event.target.matches("[data-moment]")) showMoment(event.target);
  });
  document.addEventListener("change", (event) => {
    typedInto = event.target.closest("#pane .pane") ?? typedInto;
    const zone = event.target.matches('input[type="file"]') && event.target.closest("[data-drop-zone]");
    if (zone) describeFiles(zone);
    if (event.target.matches("[data-moment]")) document.getElementById(event.target.dataset.moment)?.form.requestSubmit();
    if (event.target.matches("[data-choose-all]")) for (const box of boxesBelow(event.target)) box.checked = event.target.checked;
    if (event.target.matches('table input[type="checkbox"]') || event.target.form?.matches("[data-choosing]")) watchChoices();
  });
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented) return;
    const pane = one("#pane .pane");
    if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k") {
      event.preventDefault();
      if (!pane) { one("#search")?.focus(); one("#search")?.select(); }
    } else if (event.key === "Escape") {
      const pop = one("details[data-popover][open]");
      if (pop) { pop.open = false; one("summary", pop).focus(); }
      else if (one("#search-results")?.childElementCount) { closeResults(); one("#search").focus(); }
      else if (pane && !one("dialog[open]")) closePane();
    } else if (event.key === "Tab" && pane) keepFocusIn(event, pane);
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") moveInResults(event);
  });

  /* ---------- htmx ---------- */
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.target?.id === "pane" && !one("#pane .pane")) {
      paneByHtmx = true;
      opener = event.detail.elt.matches("a, button") ? event.detail.elt : document.activeElement;
    }
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    // A refusal that names its own place (a toast) is put there; anything else leaves the page as it is.
    if (event.detail.xhr.status >= 400 && event.detail.xhr.getResponseHeader("HX-Retarget")) event.detail.shouldSwap = true;
  });
  document.addEventListener("htmx:afterSwap", (event) => { localise(document); watchToasts(); watchFollowers(); watchChoices(); forgetJudgement(event.detail.target); });
  // What a live check says of a field now takes the place of what was wrong with it when the form was sent.
  // A slot answers for one field, or for all of a form.
  const forgetJudgement = (target) => {
    const id = target?.dataset?.answersFor ?? (target?.id?.endsWith("_check") ? target.id.slice(0, -"_check".length) : "");
    const judged = id && (document.getElementById(`${id}_field`) ?? document.getElementById(id));
    if (!judged) return;
    for (const field of [judged, ...all(".has-errors", judged)]) field.classList.remove("has-errors");
    for (const errors of all(".errors", judged)) errors.remove();
    for (const input of all("[aria-invalid]", judged)) input.removeAttribute("aria-invalid");
  };
  // A button that its own answer drew anew keeps the focus; one that is gone leaves it to the last of its kind, else to the answer.
  function keepPlace({ target, requestConfig }) {
    const asked = requestConfig?.elt;
    if (!asked?.matches?.("button[name]") || asked.isConnected || requestConfig.hasPlace) return;
    requestConfig.hasPlace = true;
    const answer = document.getElementById(target.id);
    if (!answer || (document.activeElement !== document.body && !answer.contains(document.activeElement))) return;
    const alike = all("button[name]", answer).filter((button) => button.name === asked.name);
    const place = alike.find((button) => button.value === asked.value) ?? alike.at(-1) ?? answer;
    if (place === answer) answer.tabIndex = -1;
    place.focus();
  }
  // Only now do the new fields answer to typing, so only now does the focus go there.
  document.addEventListener("htmx:afterSettle", (event) => {
    watchPane();
    keepPlace(event.detail);
    // A form that came back: to what is wrong in it. A pane sees to that itself.
    if (event.target.matches?.("form:not(#pane form)")) one('[aria-invalid="true"]', event.target)?.focus();
  });
  document.addEventListener("htmx:oobAfterSwap", () => { localise(document); watchToasts(); watchPane(); });
  const quiet = (event) => event.detail.elt?.closest?.("#bell") || /^every/.test(event.detail.elt?.getAttribute?.("hx-trigger") ?? "");
  document.addEventListener("htmx:responseError", (event) => {
    const { status } = event.detail.xhr;
    if (event.detail.xhr.getResponseHeader("HX-Retarget") || quiet(event)) return;
    showToast(status >= 500 ? "Something broke in the portal. Nothing you typed is lost; try again." : "The portal refused this. Reload the page and try again.", "error");
  });
  document.addEventListener("htmx:sendError", (event) => {
    if (!quiet(event)) showToast("The portal does not answer. Check the network and try again; nothing you typed is lost.", "error");
  });
  document.addEventListener("toast", (event) => { if (event.detail?.text) showToast(event.detail.text, event.detail.kind); });
  document.addEventListener("pane-close", () => { paneByHtmx = true; closePane(null, true); });

  addEventListener("pageshow", watchChoices); // after going back, the browser has ticked what was ticked

  document.addEventListener("DOMContentLoaded", () => {
    localise(document);
    watchToasts();
    watchPane();
    all("[data-drop-zone]").forEach(describeFiles);
    watchFollowers();
    watchChoices();
    // The menu folds away where there is no room beside the page.
    const narrow = matchMedia("(max-width: 720px)");
    const fold = () => { for (const menu of all("details[data-menu]")) menu.open = !narrow.matches; };
    fold();
    narrow.addEventListener("change", fold);
  });
})();
