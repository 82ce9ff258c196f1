/* Asks before a page with a changed form is left. Forms that only ask for something (GET, or `data-asks`) do not count. */
"use strict";
(() => {
  let isSent = false;
  const counts = (form) => form?.method === "post" && form.matches("#page form:not([data-asks], [data-choosing], [data-theme-form]), #pane form");
  function changed(event) {
    if (event.isTrusted && counts(event.target.form)) event.target.form.dataset.changed = "";
  }
  document.addEventListener("input", changed);
  document.addEventListener("change", changed);
  document.addEventListener("submit", (event) => { if (!event.defaultPrevented) isSent = true; });
  document.addEventListener("htmx:beforeOnLoad", (event) => {
    const { elt, xhr } = event.detail;
    if (elt.matches("form") && xhr.status < 400) delete elt.dataset.changed;
  });
  addEventListener("pageshow", () => { isSent = false; });
  addEventListener("beforeunload", (event) => {
    const returned = [...document.querySelectorAll("form:has([aria-invalid='true'])")].some(counts); // with its errors
    if (!isSent && (returned || document.querySelector("form[data-changed]"))) event.preventDefault();
  });
})();
