/* A pane that htmx opens has its address in the address bar: a reload opens it again, and Back closes it.
   portal.js says when a pane is opened or closed, and opens or closes one that is asked for here. */
"use strict";
(() => {
  let below = ""; // the address of the page below, while the address bar has the pane's
  let isClosing = false; // because the reader went back
  const isDrawn = () => Boolean(document.querySelector("#pane .pane"));
  const ask = (name, detail) => document.dispatchEvent(new CustomEvent(name, { detail }));
  // With its filters, where forms send them along.
  window.pageAddress = () => below || location.href;

  document.addEventListener("pane:opened", (event) => {
    const { address } = event.detail;
    if (new URL(address, location).href === location.href) return;
    if (below) history.replaceState({ pane: address, below }, "", address); // one pane led to another
    else {
      below = location.href;
      history.pushState({ pane: address, below }, "", address);
    }
  });
  document.addEventListener("pane:closed", () => { if (below && !isClosing) history.back(); });

  // Before htmx hears of it, which would load the whole page again.
  addEventListener("popstate", (event) => {
    const { pane } = event.state ?? {};
    if (!pane && !below && !isDrawn()) return; // not about panes
    event.stopImmediatePropagation();
    if (pane && !isDrawn()) {
      below = event.state.below;
      ask("pane:wanted", { address: pane });
    } else if (below) {
      isClosing = true;
      ask("pane:unwanted");
      isClosing = false;
      below = "";
    } else location.reload(); // the server drew the pane with its page
  });

  // A saved form leads to another page: Back from there is the page below, and not the form again.
  addEventListener("htmx:beforeOnLoad", (event) => {
    if (below && !event.defaultPrevented && event.detail.xhr.getResponseHeader("HX-Redirect")) history.replaceState(null, "", below);
  });
})();
