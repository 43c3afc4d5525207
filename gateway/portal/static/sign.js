// Signs the text of a consent in this browser. The key is read, used and forgotten here: its field has no name and stands in no form.
"use strict";

(() => {
  const panel = document.getElementById("sign-here");
  const text = document.getElementById("consent-text");
  const subtle = window.isSecureContext && window.crypto ? window.crypto.subtle : undefined;
  if (!panel || !text || !subtle || typeof File.prototype.text !== "function") return;
  panel.hidden = false;

  const certificateField = document.getElementById("certificate-file");
  const keyField = document.getElementById("key-file");
  const button = document.getElementById("sign-button");
  const status = document.getElementById("sign-status");
  const paste = document.getElementById("paste");

  // What went wrong is one of the sentences of the page, by its name.
  class Wrong extends Error {}

  const blockOf = (pem, label, wrong) => {
    const found = new RegExp(`-----BEGIN ${label}-----([^-]*)-----END ${label}-----`).exec(pem);
    if (!found) throw new Wrong(wrong);
    return found;
  };

  const bytesOf = (base64) => Uint8Array.from(atob(base64.replace(/\s+/g, "")), (one) => one.charCodeAt(0));

  // Two numbers of 32 bytes, as WebCrypto gives them, in DER as everybody else reads them (RFC 3279, Ecdsa-Sig-Value).
  const derOf = (raw) => {
    const integer = (bytes) => {
      let start = 0;
      while (start < bytes.length - 1 && bytes[start] === 0) start += 1;
      const digits = Array.from(bytes.subarray(start));
      if (digits[0] >= 0x80) digits.unshift(0);
      return [0x02, digits.length, ...digits];
    };
    const half = raw.length / 2;
    const both = [...integer(raw.subarray(0, half)), ...integer(raw.subarray(half))];
    return Uint8Array.from([0x30, both.length, ...both]);
  };

  const importedAs = async (der, algorithm) => {
    try {
      return await subtle.importKey("pkcs8", der, algorithm, false, ["sign"]);
    } catch (error) {
      return undefined;
    }
  };

  const signedBy = async (der, message) => {
    const curve = await importedAs(der, { name: "ECDSA", namedCurve: "P-256" });
    if (curve) return derOf(new Uint8Array(await subtle.sign({ name: "ECDSA", hash: "SHA-256" }, curve, message)));
    const edwards = await importedAs(der, { name: "Ed25519" });
    if (edwards) return new Uint8Array(await subtle.sign({ name: "Ed25519" }, edwards, message));
    throw new Wrong("kind");
  };

  const sign = async () => {
    const [certificateFile, keyFile] = [certificateField.files[0], keyField.files[0]];
    if (!certificateFile || !keyFile) throw new Wrong("both");
    const certificate = blockOf(await certificateFile.text(), "CERTIFICATE", "noCertificate")[0];
    const pem = await keyFile.text();
    if (/ENCRYPTED/.test(pem)) throw new Wrong("locked");
    const der = bytesOf(blockOf(pem, "PRIVATE KEY", "noKey")[1]);
    try {
      // What is signed is what stands on the page, to the character.
      const signature = await signedBy(der, new TextEncoder().encode(text.textContent));
      return { certificate, signature: btoa(String.fromCharCode(...signature)) };
    } finally {
      der.fill(0);
    }
  };

  button.addEventListener("click", async () => {
    button.disabled = true;
    status.textContent = panel.dataset.signing;
    try {
      const signed = await sign();
      paste.elements.certificate.value = signed.certificate;
      paste.elements.signature.value = signed.signature;
      keyField.value = "";
      status.textContent = panel.dataset.done;
      paste.submit();
    } catch (error) {
      keyField.value = "";
      status.textContent = panel.dataset[error instanceof Wrong ? error.message : "failed"];
      button.disabled = false;
    }
  });
})();
