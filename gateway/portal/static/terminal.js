// At a terminal in a hall: whoever walks away is logged out. The numbers stand on the page (templates/terminal/bar.html).
"use strict";

(() => {
  const bar = document.getElementById("terminal-bar");
  const warning = document.getElementById("terminal-warning");
  if (!bar || !warning) return;
  const left = document.getElementById("terminal-seconds");
  const goOn = document.getElementById("terminal-go-on");
  const warnsAfter = Number(bar.dataset.warns) * 1000;
  const endsAfter = Number(bar.dataset.ends) * 1000;
  const TELLS_AFTER = 5000;

  let touched = Date.now();
  let telling = 0;
  let focused = null;

  // The server counts requests, and a form may take longer to fill in than it waits: it is told, a little after each touch.
  const tell = () => {
    if (telling) return;
    telling = window.setTimeout(() => {
      telling = 0;
      fetch(bar.dataset.alive, { cache: "no-store", credentials: "same-origin" }).catch(() => undefined);
    }, TELLS_AFTER);
  };

  const touch = () => {
    // While it asks, only the button answers: a touch elsewhere must not fall through to what lies below.
    if (!warning.hidden) return;
    touched = Date.now();
    tell();
  };
  const stay = () => {
    warning.hidden = true;
    if (focused && focused.focus) focused.focus();
    touch();
  };
  const leaving = document.getElementById("terminal-end");
  // Nothing of ours is kept there; htmx notes where it was.
  const forget = () => window.sessionStorage.clear();
  const end = () => {
    forget();
    leaving.submit();
  };

  const look = () => {
    const idle = Date.now() - touched;
    if (idle >= endsAfter) {
      window.clearInterval(watch);
      end();
    } else if (idle >= warnsAfter) {
      left.textContent = String(Math.ceil((endsAfter - idle) / 1000));
      if (warning.hidden) {
        focused = document.activeElement;
        warning.hidden = false;
        goOn.focus();
      }
    }
  };

  for (const kind of ["pointerdown", "pointermove", "keydown", "wheel", "touchstart", "input"]) {
    document.addEventListener(kind, touch, { passive: true });
  }
  window.addEventListener("afterprint", touch);
  goOn.addEventListener("click", stay);
  leaving.addEventListener("submit", forget);
  warning.addEventListener("keydown", (event) => {
    if (event.key === "Escape") stay();
    if (event.key === "Tab") event.preventDefault();
  });
  // A page that the browser kept shows nothing: it is asked for again, and the server decides.
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) window.location.reload();
  });

  const watch = window.setInterval(look, 500);
  tell();
})();
