/* Security keys: a form marked data-security-key ("get" or "create") asks the browser for one when it
   is sent, with the options in data-options, and sends on what the browser's authenticator answered
   in its field "key". Without script, or where the browser has no keys, the form stays hidden. */
"use strict";

(() => {
  const bytes = (text) =>
    Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));

  const text = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer)))
      .replace(/\+/g, "-")
      .replace(/\//g, "_")
      .replace(/=+$/, "");

  const decoded = (options) => {
    options.challenge = bytes(options.challenge);
    if (options.user) options.user.id = bytes(options.user.id);
    for (const list of [options.excludeCredentials, options.allowCredentials]) {
      for (const one of list || []) one.id = bytes(one.id);
    }
    return options;
  };

  const encoded = (credential) => {
    const answer = credential.response;
    const response = { clientDataJSON: text(answer.clientDataJSON) };
    for (const name of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (answer[name]) response[name] = text(answer[name]);
    }
    return JSON.stringify({
      id: credential.id,
      rawId: text(credential.rawId),
      type: credential.type,
      response,
      clientExtensionResults: {},
    });
  };

  const ask = async (form) => {
    const publicKey = decoded(JSON.parse(form.dataset.options));
    const how = form.dataset.securityKey;
    const credential = await navigator.credentials[how]({ publicKey });
    form.elements.key.value = encoded(credential);
    form.submit();
  };

  for (const form of document.querySelectorAll("form[data-security-key]")) {
    if (!window.PublicKeyCredential) continue;
    form.hidden = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const said = form.querySelector("[data-said]");
      said.hidden = true;
      ask(form).catch(() => {
        said.hidden = false;
      });
    });
  }
})();
