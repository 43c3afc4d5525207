// What scripts add to pages that work without them. No page depends on it.
"use strict";

(() => {
  // Before something that cannot be taken back, ask.
  document.addEventListener("submit", (event) => {
    const sure = event.target.dataset ? event.target.dataset.sure : undefined;
    if (sure && !window.confirm(sure)) event.preventDefault();
  });

  // A form is sent once: a second click finds its button busy. Coming back to the page frees it.
  document.addEventListener("submit", (event) => {
    if (event.defaultPrevented || event.target.method !== "post") return;
    for (const button of event.target.querySelectorAll("button[type=submit]")) button.setAttribute("aria-disabled", "true");
    event.target.dataset.sent = "true";
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest ? event.target.closest("button[aria-disabled=true]") : null;
    if (button) event.preventDefault();
  });
  window.addEventListener("pageshow", () => {
    for (const button of document.querySelectorAll("button[aria-disabled=true]")) button.removeAttribute("aria-disabled");
  });

  // What went wrong is read first.
  const wrong = document.getElementById("error-summary");
  if (wrong && !wrong.closest(".sample")) wrong.focus();

  // All boxes of a group, or none.
  for (const button of document.querySelectorAll("button[data-tick]")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      const boxes = document.querySelectorAll(`input[type=checkbox][name="${button.dataset.tick}"]`);
      for (const box of boxes) box.checked = button.dataset.on === "true";
    });
  }

  // To print, where a page offers it.
  for (const button of document.querySelectorAll("button[data-print]")) {
    button.hidden = false;
    button.addEventListener("click", () => window.print());
  }
})();
