// Shows what the server says about a number and a code: those of the form, of the address's fragment, where a QR code puts them, or of
// a QR code before the camera. A fragment is never sent to a server by the browser; it is taken out of the address bar before anything
// else is done. Of what a camera reads only number and code are taken: they are asked of this site, and no other address is ever called.
"use strict";

(() => {
  const form = document.getElementById("code-form");
  const result = document.getElementById("result");

  // --- Asking ---------------------------------------------------------------------------------------------------------------

  const show = (content) => {
    result.textContent = "";
    result.append(content);
    result.focus();
    result.scrollIntoView({ block: "start" });
  };
  const template = (id) => document.getElementById(id).content.cloneNode(true);

  // What stands in the page that was answered: the result, or why there is none.
  const resultOf = (text) => {
    const page = new DOMParser().parseFromString(text, "text/html");
    const found = page.getElementById("result") || page.querySelector(".problem");
    if (!found || !found.firstElementChild) throw new Error("no result");
    const content = document.createDocumentFragment();
    content.append(...found.childNodes);
    return content;
  };

  let latest = 0;

  const verify = async (reportNumber, code) => {
    const asked = ++latest;
    show(template("waiting"));
    let content;
    try {
      const response = await fetch(form.action, {
        method: "POST",
        body: new URLSearchParams({ report_number: reportNumber, code }),
        credentials: "same-origin",
        cache: "no-store",
        redirect: "error",
      });
      content = resultOf(await response.text());
    } catch (error) {
      content = template("unreachable");
    }
    if (asked === latest) show(content);
  };

  // --- The form -------------------------------------------------------------------------------------------------------------

  // What was typed stays in its fields, so that it can be compared and corrected.
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    verify(form.elements.report_number.value, form.elements.code.value);
  });
  // A result never stands above a number or a code that it does not speak of.
  form.addEventListener("input", () => {
    latest += 1;
    result.textContent = "";
  });

  // --- The address ----------------------------------------------------------------------------------------------------------

  const readFragment = () => {
    const fragment = window.location.hash.slice(1);
    const dot = fragment.indexOf(".");
    if (dot < 0) return;
    window.history.replaceState(null, "", window.location.pathname);
    verify(fragment.slice(0, dot), fragment.slice(dot + 1));
  };

  window.addEventListener("hashchange", readFragment);
  readFragment();

  // --- The camera -----------------------------------------------------------------------------------------------------------

  const scan = document.getElementById("scan");
  const devices = navigator.mediaDevices;
  if (!scan || !devices || !devices.getUserMedia) return;

  const start = document.getElementById("scan-start");
  const view = document.getElementById("scan-view");
  const video = document.getElementById("scan-video");
  const halt = document.getElementById("scan-stop");
  const says = document.getElementById("scan-says");
  const canvas = document.createElement("canvas");
  const LARGEST = 960; // pixels of a side: more makes reading slower and no better
  const EVERY_MS = 120;
  const LONGING_MS = 15000;
  const ENOUGH_MS = 60000;

  let running = null;

  const say = (word) => {
    const text = word ? scan.dataset[word] : "";
    if (says.textContent !== text) says.textContent = text;
  };

  const stop = (word) => {
    if (running) {
      window.clearTimeout(running.timer);
      if (running.stream) for (const track of running.stream.getTracks()) track.stop();
    }
    running = null;
    video.srcObject = null;
    view.hidden = true;
    start.hidden = false;
    say(word);
    if (word) start.focus();
  };

  // Number and code of a link as it stands on reports; null for every other text. Whose site it names makes no difference.
  const inLink = (text) => {
    const found = /^https?:\/\/[^#]+#([0-9A-Za-z]{1,64})\.([0-9A-Za-z_-]{1,64})$/.exec(text);
    return found && { number: found[1], code: found[2] };
  };

  // The text of a QR code in the picture, or null. The decoder throws where it finds none.
  const read = (decode) => {
    const scale = Math.min(1, LARGEST / Math.max(video.videoWidth, video.videoHeight));
    const width = Math.round(video.videoWidth * scale);
    const height = Math.round(video.videoHeight * scale);
    if (!width || !height) return null;
    canvas.width = width;
    canvas.height = height;
    const pen = canvas.getContext("2d", { willReadFrequently: true });
    pen.drawImage(video, 0, 0, width, height);
    const { data } = pen.getImageData(0, 0, width, height);
    try {
      return decode({ width, height, data });
    } catch (error) {
      return null;
    }
  };

  const look = (scanning, decode, since) => {
    if (running !== scanning) return;
    const text = read(decode);
    const asked = text === null ? null : inLink(text);
    if (asked) {
      stop("");
      verify(asked.number, asked.code);
      return;
    }
    const passed = window.performance.now() - since;
    if (passed > ENOUGH_MS) {
      stop("unreadable");
      return;
    }
    if (text !== null) say("foreign");
    else if (passed > LONGING_MS) say("longing");
    scanning.timer = window.setTimeout(() => look(scanning, decode, since), EVERY_MS);
  };

  const whyNot = (error) => {
    switch (error && error.name) {
      case "NotAllowedError":
      case "SecurityError":
        return "refused";
      case "NotFoundError":
      case "OverconstrainedError":
        return "none";
      case "NotReadableError":
      case "AbortError":
        return "taken";
      default:
        return "broken";
    }
  };

  const begin = async () => {
    const scanning = { stream: null, timer: 0 };
    running = scanning;
    start.hidden = true;
    view.hidden = false;
    halt.focus();
    say("starting");
    try {
      const decoder = import(scan.dataset.decoder);
      decoder.catch(() => {}); // told below, when it is waited for
      const stream = await devices.getUserMedia({ audio: false, video: { facingMode: "environment" } });
      scanning.stream = stream;
      if (running !== scanning) {
        for (const track of stream.getTracks()) track.stop();
        return;
      }
      video.srcObject = stream;
      await video.play();
      const { decodeQR } = await decoder;
      if (running !== scanning) return;
      say("searching");
      look(scanning, decodeQR, window.performance.now());
    } catch (error) {
      if (running === scanning) stop(whyNot(error));
    }
  };

  scan.hidden = false;
  start.addEventListener("click", begin);
  halt.addEventListener("click", () => {
    stop("");
    start.focus();
  });
  // Nobody is filmed who looks at something else.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden && running) stop("");
  });
  window.addEventListener("pagehide", () => stop(""));
})();
