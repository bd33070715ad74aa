/* Passkeys: ask the server what to sign, let the browser sign it, and send the answer as the form it stands in. */
const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0));
const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
  .replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');

function asked(options) {
  const keys = (list) => (list || []).map((key) => ({ ...key, id: bytes(key.id) }));
  const made = { ...options, challenge: bytes(options.challenge) };
  if (options.user) made.user = { ...options.user, id: bytes(options.user.id) };
  if (options.excludeCredentials) made.excludeCredentials = keys(options.excludeCredentials);
  if (options.allowCredentials) made.allowCredentials = keys(options.allowCredentials);
  return made;
}

function answered(key) {
  const said = key.response;
  const response = { clientDataJSON: text(said.clientDataJSON) };
  if (said.attestationObject) {
    response.attestationObject = text(said.attestationObject);
    response.transports = said.getTransports ? said.getTransports() : [];
  } else {
    response.authenticatorData = text(said.authenticatorData);
    response.signature = text(said.signature);
    if (said.userHandle) response.userHandle = text(said.userHandle);
  }
  return JSON.stringify({ id: key.id, rawId: text(key.rawId), type: key.type, clientExtensionResults: {}, response });
}

async function ask(form) {
  const reply = await fetch(form.dataset.options, {
    method: 'POST', body: new URLSearchParams(new FormData(form)), credentials: 'same-origin', redirect: 'error',
  });
  if (!reply.ok) throw new Error('not asked');
  const publicKey = asked(await reply.json());
  const key = form.dataset.passkey === 'new'
    ? await navigator.credentials.create({ publicKey })
    : await navigator.credentials.get({ publicKey });
  form.elements.answer.value = answered(key);
}

// A passkey belongs to a name: where the portal is reached by a bare number there is none to make it for.
const named = !/^(\d+\.){3}\d+$|:/.test(window.location.hostname);
if (window.PublicKeyCredential && navigator.credentials && named) {
  document.querySelectorAll('form[data-passkey]').forEach((form) => {
    const button = form.querySelector('[data-passkey-button]');
    const trouble = form.querySelector('[data-passkey-trouble]');
    form.hidden = false;
    document.querySelectorAll('[data-passkey-missing]').forEach((words) => { words.hidden = true; });
    // Enter in the name field is a press of the button.
    form.addEventListener('submit', (event) => { if (!form.elements.answer.value) event.preventDefault(); });
    button.addEventListener('click', () => {
      trouble.hidden = true;
      button.setAttribute('aria-disabled', 'true');
      ask(form).then(() => HTMLFormElement.prototype.submit.call(form), () => {
        button.removeAttribute('aria-disabled');
        trouble.hidden = false;
        trouble.focus();
      });
    });
  });
}
