/* What pages do beyond HTML and htmx. No dependencies; every page works without it.
   Templates use it through data attributes: data-choose-all, data-copy, data-copy-from, data-drop-zone, data-follows, data-local, data-menu,
   data-menu-search, data-moment, data-named-by, data-pane-close, data-theme-form, data-ticked, data-toast.
   A response may show a toast: HX-Trigger: {"toast": {"text": …, "kind": "success"}}. */
"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const one = (selector, within = document) => within.querySelector(selector);

  /* ---------- times in the reader's time zone ---------- */
  const DATE = { day: "2-digit", month: "short", year: "numeric" };
  const CLOCK = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  const SECONDS = { ...CLOCK, second: "2-digit" };
  const HOUR = CLOCK, DAY = { day: "2-digit", month: "short" }, MONTH = { month: "short" };
  const SHAPES = { date: DATE, day: DAY, month: MONTH, hour: HOUR, datetime: { ...DATE, ...CLOCK }, time: SECONDS, exact: { ...DATE, ...SECONDS } };
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

  // Days and times are typed in the zone in which the page shows them; the server takes it from a hidden field.
  const readersZone = new Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  function fillZones() {
    for (const field of all("[data-zone]")) {
      field.value ||= readersZone;
      const name = one("[data-zone-name]", field.form);
      if (name) name.textContent = field.value.replaceAll("_", " ");
    }
  }

  // While the page is read, before a part of it is painted: a shorter time would move its neighbours.
  const arriving = new MutationObserver(() => localise(document));
  arriving.observe(root, { childList: true, subtree: true });

  /* ---------- toasts ---------- */
  const TOAST_MS = 7000;
  function watchToasts() {
    for (const toast of all("#toasts [data-toast]:not([data-done])")) {
      toast.dataset.done = "";
      // Stays until dismissed, or until what it waits for has happened.
      if (toast.matches(".bad, .warning, [data-in-progress]")) continue;
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

  /* ---------- pane: a modal dialog around whatever the server puts into #pane ---------- */
  let opener = null;
  let openerId = "";
  let shownPane = null;
  let paneByHtmx = false;
  // Closing a pane with Escape or × keeps what was typed for the next time it opens. Cancel discards it.
  let typedInto = null;
  let kept = null;
  const formAction = (pane) => pane && one("form", pane)?.getAttribute("action");
  function restoreTyped(pane) {
    if (!kept || formAction(kept) !== formAction(pane)) return pane;
    const token = one('[name="csrfmiddlewaretoken"]', pane)?.value; // the session may be another by now
    for (const field of all('[name="csrfmiddlewaretoken"]', kept)) field.value = token ?? field.value;
    pane.replaceWith(kept);
    const restored = typedInto = kept;
    kept = null;
    showToast("What you typed is still here. Cancel discards it.");
    return restored;
  }
  // Beside the lab a pane is no modal dialog: exercises are read while one works in it. The page below is inert all the same.
  const isBesideLab = () => Boolean(one("body > .lab")) && matchMedia("(min-width: 721px)").matches;
  function showDialog(dialog, isShown) {
    if (isShown === dialog.open) return;
    const isBeside = isShown && isBesideLab();
    if (one("#page")) one("#page").inert = isBeside;
    if (isBeside) dialog.show(); else if (isShown) dialog.showModal(); else dialog.close();
    // Everything outside a modal dialog is inert, so the toasts move into it while it is open.
    (isShown ? dialog : document.body).append(one("#toasts"));
  }
  function watchPane() {
    const dialog = one("#pane-dialog");
    if (!dialog) return;
    let pane = one(".pane", dialog);
    if (pane && !shownPane) {
      pane = restoreTyped(pane);
      const active = document.activeElement;
      opener = active && active !== document.body ? active : opener;
      openerId = opener?.id ?? "";
    }
    root.classList.toggle("pane-open", Boolean(pane));
    showDialog(dialog, Boolean(pane));
    if (pane && pane !== shownPane) {
      const first = one('[aria-invalid="true"]', pane) ?? one("[autofocus]", pane) ??
        one('.pane-body :is(input:not([type="hidden"], [type="file"]), select, textarea)', pane) ?? one("#pane-title", pane);
      first?.focus({ preventScroll: first.id === "pane-title" });
    }
    if (!pane && shownPane) {
      // The opener may have been replaced by a newer copy of itself, which has the same id.
      const back = opener?.isConnected ? opener : openerId ? document.getElementById(openerId) : null;
      (back ?? one("#main"))?.focus({ preventScroll: true });
      opener = null;
      document.dispatchEvent(new CustomEvent("pane:closed"));
    }
    if (!pane) { paneByHtmx = false; typedInto = null; }
    if (pane && typedInto) typedInto = pane; // also after the server sent the form back with its errors
    shownPane = pane;
  }
  function closePane(link) {
    const host = one("#pane");
    if (!host || !one(".pane", host)) return;
    const pageBelow = link ?? one("[data-pane-close]", host);
    const keepsTyped = typedInto && !link?.closest(".pane-foot, .buttons");
    if (!paneByHtmx && pageBelow?.href) { // the pane came with the page, which has nothing below it
      if (!keepsTyped || confirm("Close and lose what you typed?")) location.assign(pageBelow.href);
      return;
    }
    kept = keepsTyped ? one(".pane", host) : null;
    host.replaceChildren();
    watchPane();
  }

  // A modal dialog keeps Tab off the page below, but lets it out to the browser's own controls: here it starts over instead.
  const TAB_STOPS = 'a[href], button:enabled, input:enabled:not([type="hidden"]), select:enabled, textarea:enabled, summary, [tabindex="0"]';
  function wrapTab(event) {
    const stops = all(TAB_STOPS, one("#pane-dialog")).filter((stop) => stop.checkVisibility());
    const at = document.activeElement;
    const isAtEdge = event.shiftKey ? at === stops[0] || at?.id === "pane-title" : at === stops.at(-1);
    if (stops.length === 0 || !isAtEdge) return;
    event.preventDefault();
    (event.shiftKey ? stops.at(-1) : stops[0]).focus();
  }

  /* ---------- copy ---------- */
  // Where a browser forbids copying (a page without TLS, or a person who denied it), the text is selected instead.
  function select(from, text, button) {
    let shown = from;
    if (shown?.select) {
      shown.focus();
      shown.select();
      return true;
    }
    if (!shown) { // a text that the page shows nowhere, or somewhere else: show it beside the button
      shown = button.nextElementSibling?.matches("[data-to-copy]") ? button.nextElementSibling : document.createElement("code");
      shown.dataset.toCopy = "";
      shown.tabIndex = -1;
      shown.textContent = text;
      button.after(shown);
      shown.focus();
    }
    getSelection().selectAllChildren(shown);
    return getSelection().toString().trim() !== "";
  }
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
      label.textContent = select(from, text.trim(), button) ? "Selected" : "Not copied";
      showToast("The browser does not allow copying here. The text is selected: copy it with the keyboard or the menu.", "info");
    }
    setTimeout(() => { label.textContent = before; button.classList.remove("done"); }, 1600);
  }

  /* ---------- drop zone ---------- */
  // Shows invisible characters as the server does: one that reverses the text could make a name look like another.
  const visible = (text) => text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu,
    (char) => `‹U+${char.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}›`);
  function describeFiles(zone) {
    const input = one('input[type="file"]', zone);
    const name = one("[data-drop-name]", zone);
    if (!input || !name) return;
    name.dataset.empty ??= name.textContent;
    const most = Number(input.dataset.mostFiles ?? Infinity);
    if (input.files.length > most) {
      showToast(`At most ${most.toLocaleString("en-GB")} files at once. Put them into a .zip.`, "warning");
      input.value = "";
    }
    const files = [...input.files];
    const names = files.slice(0, 40).map((file) => visible(file.name)).join(", ");
    name.textContent = files.length > 40 ? `${files.length.toLocaleString("en-GB")} files: ${names}, …` : names || name.dataset.empty;
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

  /* ---------- theme: applied at once, stored by the server ---------- */
  function chooseTheme(form, chosen) {
    if (chosen === "system") delete root.dataset.theme; else root.dataset.theme = chosen;
    for (const button of all("button[name=theme]", form)) button.setAttribute("aria-pressed", String(button.value === chosen));
    const body = new FormData(form);
    body.set("theme", chosen);
    fetch(form.action, { method: "POST", body, headers: { "HX-Request": "true" } }).catch(() => {});
  }

  /* ---------- a field that copies another until the user types into it ---------- */
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

  /* ---------- a name proposed from the file that is chosen, until the user types one ---------- */
  function nameByFile(input) {
    const field = input.id && one(`[data-named-by="${input.id}"]`);
    const file = input.files?.[0];
    if (!field || !file || (field.value && field.value !== field.dataset.proposed)) return;
    const stem = file.name.replace(/(\.[A-Za-z0-9]{1,4})+$/, "").normalize("NFKD").replace(/\p{M}/gu, "");
    const name = stem.replace(/[^A-Za-z0-9]+/g, "-").replace(/^-|-$/g, "").slice(0, field.maxLength);
    field.value = field.dataset.proposed = name;
    field.dispatchEvent(new Event("input", { bubbles: true })); // it is checked like a typed one
  }

  /* ---------- a time on a slider: shown while it moves, requested when it stops ---------- */
  function showMoment(slider) {
    const moment = new Date(Number(slider.value) * 1000);
    const field = document.getElementById(slider.dataset.moment);
    const isLocal = Boolean(field?.form && one("[data-zone]", field.form)?.value === readersZone);
    const written = isLocal ? new Date(moment.getTime() - moment.getTimezoneOffset() * 60_000) : moment;
    if (field) field.value = written.toISOString().slice(0, 16);
    const shown = one("[data-moment-shown]", slider.parentElement);
    if (shown) shown.textContent = new Intl.DateTimeFormat("en-GB", SHAPES.datetime).format(moment).replace(",", "");
  }

  /* ---------- selecting rows: one checkbox for the whole page; buttons are disabled until a row is selected ---------- */
  const boxesBelow = (head) => all('tbody input[type="checkbox"]', head.closest("table"));
  function watchChoices() {
    for (const button of all("button[data-bulk]")) button.disabled = !button.form;
    for (const head of all("[data-choose-all]")) {
      const boxes = boxesBelow(head);
      const ticked = boxes.filter((box) => box.checked).length;
      head.checked = ticked > 0 && ticked === boxes.length;
      head.indeterminate = ticked > 0 && ticked < boxes.length;
    }
    for (const button of all("button[data-ticked]")) {
      const boxes = [...button.form.elements].filter((box) => box.type === "checkbox" && box.name === "tick");
      const ticked = Number(button.dataset.ticked) + boxes.filter((box) => box.checked).length;
      one("[data-ticked-count]", button).textContent = ticked.toLocaleString("en-GB");
      one("[data-ticked-plural]", button).hidden = ticked === 1;
      button.disabled = ticked === 0;
    }
    for (const form of all("form[data-needs-choice]")) {
      const isChosen = [...form.elements].some((box) => box.type === "checkbox" && box.name && box.checked);
      for (const button of all("button[name=decision]", form)) button.disabled = !isChosen;
    }
    for (const form of all("form[data-choosing]")) {
      const boxes = [...form.elements].filter((box) => box.type === "checkbox");
      const ticked = boxes.filter((box) => box.checked).length;
      const which = one("[data-which]", form);
      if (ticked < boxes.length) which.value = "chosen";
      const shown = one("[data-selected]", form);
      const selected = which.value === "all" ? Number(shown.dataset.total) : ticked;
      shown.hidden = selected === 0;
      one("[data-selected-count]", form).textContent = `${selected.toLocaleString("en-GB")} selected`;
      one("[data-select-all]", form).hidden = selected === Number(shown.dataset.total);
      for (const button of bulkButtons(form)) {
        button.disabled = selected === 0;
        button.title = selected ? "" : "Select a row first";
      }
      for (const box of boxes) box.closest("tr").classList.toggle("selected", box.checked);
    }
  }
  const bulkButtons = (form) => all(`button[form="${form.id}"]`);
  function selectAll(form, whole) {
    for (const box of form.elements) if (box.type === "checkbox") box.checked = whole;
    one("[data-which]", form).value = whole ? "all" : "chosen";
    watchChoices();
  }

  /* ---------- a chart whose bars are links: dragging across several opens all of them ---------- */
  let brush = null;
  const barAt = (event) => document.elementFromPoint(event.clientX, event.clientY)?.closest("[data-brush] li");
  function brushed(event) {
    const bars = all("li", brush.chart);
    const at = bars.indexOf(barAt(event));
    if (at >= 0) brush.to = at;
    const [from, to] = [brush.from, brush.to].sort((a, b) => a - b);
    bars.forEach((bar, number) => bar.classList.toggle("brushed", from !== to && number >= from && number <= to));
    return bars.slice(from, to + 1);
  }
  document.addEventListener("pointerdown", (event) => {
    const bar = event.button === 0 && event.pointerType !== "touch" && event.target instanceof Element && event.target.closest("[data-brush] li");
    if (bar) brush = { chart: bar.parentElement, from: all("li", bar.parentElement).indexOf(bar) };
    if (bar) brush.to = brush.from;
  });
  document.addEventListener("pointermove", (event) => { if (brush) brushed(event); });
  document.addEventListener("pointerup", (event) => {
    if (!brush) return;
    const bars = brushed(event);
    const isDrag = brush.from !== brush.to;
    brush = null;
    if (!isDrag) return; // a click follows its own link
    const url = new URL(one("a", bars[0]).href);
    url.searchParams.set("until", new URL(one("a", bars.at(-1)).href).searchParams.get("until"));
    location.assign(url);
  });
  document.addEventListener("pointercancel", () => { brush = null; });

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
  // A group of the menu that was folded stays folded on the next page.
  function watchMenuGroups() {
    for (const group of all("details[data-menu-group]")) {
      const key = `folded:${group.dataset.menuGroup}`;
      group.open = !localStorage.getItem(key) || Boolean(one('[aria-current="page"]', group));
      group.addEventListener("toggle", () => { group.open ? localStorage.removeItem(key) : localStorage.setItem(key, "1"); });
    }
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
    if (!hit(".search")) closeResults();
    const copyButton = hit("[data-copy], [data-copy-from]");
    if (copyButton) copy(copyButton);
    const choosing = hit("[data-select-all], [data-select-none]");
    if (choosing) selectAll(choosing.form, choosing.matches("[data-select-all]"));
    hit("[data-toast-close]")?.closest("[data-toast]").remove();
    const closing = hit("#pane [data-pane-close]");
    if (closing && !event.ctrlKey && !event.metaKey) { event.preventDefault(); closePane(closing); }
  });
  document.addEventListener("submit", (event) => {
    for (const kept of all("[data-page-query]", event.target)) kept.value = new URL(pageAddress()).search.slice(1); // as it is now filtered
    if (event.target.matches("[data-theme-form]") && event.submitter) {
      event.preventDefault();
      chooseTheme(event.target, event.submitter.value);
      event.target.closest("[popover]").hidePopover();
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
    if (zone) nameByFile(event.target);
    if (event.target.matches("[data-moment]")) document.getElementById(event.target.dataset.moment)?.form.requestSubmit();
    if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
    if (event.target.matches("[data-choose-all]")) for (const box of boxesBelow(event.target)) box.checked = event.target.checked;
    if (event.target.matches('table input[type="checkbox"]') || event.target.form?.matches("[data-choosing]")) watchChoices();
  });
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented) return;
    if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k") {
      event.preventDefault();
      if (!shownPane) { one("#search")?.focus(); one("#search")?.select(); }
    } else if (event.key === "Escape") {
      if (one("#search-results")?.childElementCount) { closeResults(); one("#search").focus(); }
      else if (shownPane && isBesideLab()) closePane();
    } else if (event.key === "Tab" && shownPane && !isBesideLab()) wrapTab(event);
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
    const { target } = event.detail;
    if (target?.id === "connection-figures" && one("details[open]", target)) event.detail.shouldSwap = false; // it is being read
    // An error is shown only where it names its own target (a toast); otherwise the page stays as it is.
    if (event.detail.xhr.status >= 400 && event.detail.xhr.getResponseHeader("HX-Retarget")) event.detail.shouldSwap = true;
  });
  document.addEventListener("htmx:afterSwap", (event) => { localise(document); fillZones(); watchToasts(); watchFollowers(); watchChoices(); clearErrors(event.detail.target); });
  // The result of a live check replaces the errors of the last submit, of one field or of a whole form.
  const clearErrors = (target) => {
    const id = target?.dataset?.answersFor ?? (target?.id?.endsWith("_check") ? target.id.slice(0, -"_check".length) : "");
    const checked = id && (document.getElementById(`${id}_field`) ?? document.getElementById(id));
    if (!checked) return;
    for (const field of [checked, ...all(".has-errors", checked)]) field.classList.remove("has-errors");
    for (const errors of all(".errors", checked)) errors.remove();
    for (const input of all("[aria-invalid]", checked)) input.removeAttribute("aria-invalid");
  };
  // When a response replaces the button that requested it, focus its copy, else the last button of that kind, else the response.
  function keepFocus({ target, requestConfig }) {
    const pressed = requestConfig?.elt;
    if (!pressed?.matches?.("button[name]") || pressed.isConnected || requestConfig.hasFocused) return;
    requestConfig.hasFocused = true;
    const response = document.getElementById(target.id);
    if (!response || (document.activeElement !== document.body && !response.contains(document.activeElement))) return;
    const alike = all("button[name]", response).filter((button) => button.name === pressed.name);
    const next = alike.find((button) => button.value === pressed.value) ?? alike.at(-1) ?? response;
    if (next === response) response.tabIndex = -1;
    next.focus();
  }
  // Move the focus only now: before settling, htmx does not yet listen to the new fields.
  // The menu was drawn with the page; the lab's panel knows how many exercises are done now.
  document.addEventListener("htmx:afterSettle", () => {
    const note = one("#lab")?.dataset.note, shown = one("#menu-note-lab");
    if (note && shown) shown.textContent = note;
  });
  document.addEventListener("htmx:afterSettle", (event) => {
    watchPane();
    keepFocus(event.detail);
    const { target, requestConfig, pathInfo, xhr } = event.detail;
    if (target?.id === "pane" && requestConfig?.verb === "get" && shownPane) {
      document.dispatchEvent(new CustomEvent("pane:opened", { detail: { address: pathInfo.finalRequestPath } }));
    }
    const isSentBack = xhr?.status === 422 && requestConfig?.triggeringEvent?.type === "submit"; // and no check while typing
    // A form that came back with errors. watchPane does this for a pane.
    if (event.target.matches?.("form:not(#pane form)") || (isSentBack && !shownPane)) focusFirstError();
  });
  document.addEventListener("pane:wanted", (event) => { htmx.ajax("GET", event.detail.address, { target: "#pane", swap: "innerHTML" }); });
  document.addEventListener("pane:unwanted", () => closePane());
  const focusFirstError = () => all(':is(#page, .sign-in) [aria-invalid="true"]').find((field) => field.checkVisibility())?.focus();
  document.addEventListener("htmx:oobAfterSwap", () => { localise(document); watchToasts(); watchPane(); });
  const quiet = (event) => event.detail.elt?.closest?.("#bell") || /^every/.test(event.detail.elt?.getAttribute?.("hx-trigger") ?? "");
  document.addEventListener("htmx:responseError", (event) => {
    const { status } = event.detail.xhr;
    if (event.detail.xhr.getResponseHeader("HX-Retarget") || quiet(event)) return;
    showToast(status >= 500 ? "The portal had an error. What you typed is still here; try again." : "The portal rejected this request. Reload the page and try again.", "error");
  });
  document.addEventListener("htmx:sendError", (event) => {
    if (!quiet(event)) showToast("The portal cannot be reached. Check your network and try again; what you typed is still here.", "error");
  });
  document.addEventListener("toast", (event) => { if (event.detail?.text) showToast(event.detail.text, event.detail.kind); });

  addEventListener("pageshow", watchChoices); // after going back, the browser restores the checkboxes

  document.addEventListener("DOMContentLoaded", () => {
    arriving.disconnect();
    localise(document);
    fillZones();
    watchToasts();
    watchPane();
    const dialog = one("#pane-dialog");
    dialog?.addEventListener("cancel", (event) => { // Escape
      if (event.target !== dialog) return; // a file chooser inside it was cancelled
      event.preventDefault();
      closePane();
    });
    dialog?.addEventListener("close", () => { // the browser may close it without asking
      if (!one(".pane", dialog)) return;
      closePane();
      watchPane();
    });
    all("[data-drop-zone]").forEach(describeFiles);
    watchFollowers();
    watchChoices();
    watchMenuGroups();
    if (!shownPane) focusFirstError();
    // On narrow screens the menu starts closed.
    const narrow = matchMedia("(max-width: 720px)");
    const fold = () => { for (const menu of all("details[data-menu]")) menu.open = !narrow.matches; };
    fold();
    narrow.addEventListener("change", fold);
  });
})();
