/* When the session has ended: ask to sign in in a window of its own and keep the page, with all that was typed, as it is.
   The dialog is in base.html (`#session-ended`: data-user, data-state, href of its link). Without JavaScript the sign-in page comes. */
"use strict";
(() => {
  const CHECK_AFTER_MS = 5 * 60 * 1000; // a page that was left alone for so long asks before it sends a form
  const one = (selector, within = document) => within.querySelector(selector);
  const channel = "BroadcastChannel" in window ? new BroadcastChannel("mqtt-portal-session") : null;
  let answeredAt = Date.now();
  const toast = (text, kind) => document.body.dispatchEvent(new CustomEvent("toast", { bubbles: true, detail: { text, kind } }));

  async function ask() {
    const answer = await fetch(one("#session-ended").dataset.state, { headers: { Accept: "application/json" }, cache: "no-store" });
    if (!answer.ok) throw new Error(`${answer.status}`);
    return answer.json();
  }

  function open() {
    const dialog = one("#session-ended");
    if (!dialog.open) dialog.showModal();
  }

  // A new session has a new token against forged requests.
  function adopt(token) {
    document.body.setAttribute("hx-headers", JSON.stringify({ "X-CSRFToken": token }));
    for (const field of document.querySelectorAll('input[name="csrfmiddlewaretoken"]')) field.value = token;
    answeredAt = Date.now();
  }

  // Is there a session of the same user again? Says what to do if it is another user's.
  async function resume() {
    const dialog = one("#session-ended");
    const state = await ask();
    const isOther = state.user !== null && String(state.user) !== dialog.dataset.user;
    one("[data-other-user]", dialog).hidden = !isOther;
    if (state.user === null || isOther) return false;
    adopt(state.csrf_token);
    if (dialog.open) {
      dialog.close();
      toast("You are signed in again. Go on where you were.", "success");
    }
    return true;
  }
  function look() {
    if (one("#session-ended")?.open) resume().catch(() => {});
  }

  document.addEventListener("htmx:beforeOnLoad", (event) => {
    const dialog = one("#session-ended");
    const leadsTo = event.detail.xhr.getResponseHeader("HX-Redirect");
    if (!dialog) return;
    if (leadsTo && new URL(leadsTo, location).pathname === new URL(one("a", dialog).href).pathname) {
      event.preventDefault();
      open();
    } else answeredAt = event.detail.xhr.status === 286 ? 0 : Date.now(); // 286: the bell has no session any more
  });

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || !one("#session-ended") || form.method !== "post" || Date.now() - answeredAt < CHECK_AFTER_MS) return;
    event.preventDefault();
    resume().then((isSignedIn) => { if (isSignedIn) form.requestSubmit(event.submitter); else open(); })
      .catch(() => toast("The portal cannot be reached. Check your network and try again; what you typed is still here.", "error"));
  });

  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element && event.target.closest("#session-ended a[target]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    // A window that a script opened may close itself.
    if (window.open(link.href, "mqtt-portal-sign-in", "popup,width=520,height=760")) event.preventDefault();
  });

  channel?.addEventListener("message", look);
  addEventListener("focus", look);
  document.addEventListener("visibilitychange", look);
  document.addEventListener("DOMContentLoaded", () => {
    if (!one("[data-signed-in-again]")) return;
    channel?.postMessage("signed in");
    if (window.opener) window.close();
  });
})();
