// Shows what the server says about a number and a code: those of the form, or of the address's fragment, where a QR code puts them.
// A fragment is never sent to a server by the browser; it is taken out of the address bar before anything else is done.
"use strict";

(() => {
  const copyOf = (id) => document.getElementById(id).content.cloneNode(true);

  const show = (content) => {
    const result = document.getElementById("result");
    result.replaceChildren(content);
    result.focus();
  };

  let latest = 0;

  const verify = async (reportNumber, code) => {
    const asked = ++latest;
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
      if (asked === latest) show(content);
    } catch {
      if (asked === latest) show(copyOf("failed"));
    }
  };

  const readFragment = () => {
    const fragment = window.location.hash.slice(1);
    const dot = fragment.indexOf(".");
    if (dot < 0) return;
    window.history.replaceState(null, "", window.location.pathname);
    verify(fragment.slice(0, dot), fragment.slice(dot + 1));
  };

  // What was typed stays in its fields, so that it can be compared and corrected.
  const form = document.getElementById("report_number").form;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    verify(form.elements.report_number.value, form.elements.code.value);
  });
  // A result never stands above a number or a code that it does not speak of.
  form.addEventListener("input", () => {
    latest += 1;
    document.getElementById("result").replaceChildren();
  });

  window.addEventListener("hashchange", readFragment);
  readFragment();
})();
