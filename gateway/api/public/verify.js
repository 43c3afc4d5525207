// Reads number and code from the address's fragment, where a QR code puts them, and shows what the server says about them.
// A fragment is never sent to a server by the browser; it is taken out of the address bar before anything else is done.
"use strict";

(() => {
  const copyOf = (id) => document.getElementById(id).content.cloneNode(true);

  const show = (content) => {
    const result = document.getElementById("result");
    result.replaceChildren(content);
    result.focus();
  };

  const verify = async (reportNumber, code) => {
    show(copyOf("waiting"));
    try {
      const response = await fetch("/verify", {
        method: "POST",
        body: new URLSearchParams({ report_number: reportNumber, code }),
        credentials: "omit",
        cache: "no-store",
        redirect: "error",
      });
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      const content = document.createDocumentFragment();
      content.append(...page.getElementById("result").childNodes);
      show(content);
    } catch {
      show(copyOf("failed"));
    }
  };

  const readFragment = () => {
    const fragment = window.location.hash.slice(1);
    const dot = fragment.indexOf(".");
    if (dot < 0) return;
    window.history.replaceState(null, "", window.location.pathname);
    verify(fragment.slice(0, dot), fragment.slice(dot + 1));
  };

  window.addEventListener("hashchange", readFragment);
  readFragment();
})();
