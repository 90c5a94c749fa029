/* The finished order goes back to the EHR by SMART Web Messaging: handshake, scratchpad.*, ui.done.

   Messages go to the origin that the launch named and to nobody else; an answer counts only from that origin, from the
   window that shows or opened us, and to the message that it answers. Whatever fails is said, and the text on the page
   stays to be copied. Nothing is added or withdrawn twice, also when the page is loaded anew. */
"use strict";
(() => {
  const by = (id) => document.getElementById(id);
  const data = JSON.parse(by("hand-back-data").textContent);
  const state = by("hand-back-state");
  const send = by("hand-back-send");
  const ehr = window.parent !== window ? window.parent : window.opener;
  const HANDSHAKE = 1500, ANSWER = 6000; // milliseconds
  const KEY = "hand-back " + data.key;

  const tell = (key, more = "") => { state.textContent = more ? data.say[key] + " " + more : data.say[key]; };

  /* How many of the messages the EHR has taken, in this window. */
  const taken = () => { try { return Number(sessionStorage.getItem(KEY)) || 0; } catch { return 0; } };
  const take = (count) => { try { sessionStorage.setItem(KEY, String(count)); } catch { /* asked again after a reload */ } };

  /* One message: what the EHR answers, or null when it does not. */
  function ask(messageType, payload, patience) {
    return new Promise((done) => {
      const messageId = crypto.randomUUID();
      const end = (answer) => {
        clearTimeout(timer);
        window.removeEventListener("message", hear);
        done(answer);
      };
      const hear = (event) => {
        if (event.origin !== data.origin || event.source !== ehr) return;
        const said = event.data;
        if (said === null || typeof said !== "object" || said.responseToMessageId !== messageId) return;
        end(said.payload !== null && typeof said.payload === "object" ? said.payload : {});
      };
      const timer = setTimeout(end, patience, null);
      window.addEventListener("message", hear);
      const message = { messageId, messageType, payload };
      if (data.handle) message.messagingHandle = data.handle;
      try { ehr.postMessage(message, data.origin); } catch { end(null); }
    });
  }

  const good = (payload) => /^2\d\d\b/.test(String(payload.status ?? ""));

  /* The EHR's own words of why, where it has any: shown as text. */
  function why(payload) {
    const issue = payload.outcome?.issue?.[0];
    const said = issue?.details?.text ?? issue?.diagnostics ?? payload.status ?? "";
    return typeof said === "string" || typeof said === "number" ? String(said).slice(0, 200) : "";
  }

  async function handBack() {
    send.disabled = true;
    tell("sending");
    // An EHR need not know the handshake to take an order: it is given a moment, and what counts is the next answer.
    await ask("status.handshake", {}, HANDSHAKE);
    for (const [n, { messageType, payload }] of data.messages.entries()) {
      if (n < taken() && messageType !== "scratchpad.update") continue; // an update does no harm twice
      const answer = await ask(messageType, payload, ANSWER);
      if (answer === null || !good(answer)) {
        send.disabled = false;
        return answer === null ? tell("silent") : tell("refused", why(answer));
      }
      take(Math.max(n + 1, taken()));
    }
    tell(data.messages.length ? "sent" : "kept");
    await finish();
  }

  /* The EHR takes the app away; where it does not, the clinician closes it. */
  async function finish() {
    const before = state.textContent;
    await ask("ui.done", {}, ANSWER);
    state.textContent = before + " " + data.say.finish;
  }

  function copy() {
    const text = by("order-text");
    text.select();
    const said = by("copy-state");
    const byHand = () => { said.textContent = document.execCommand("copy") ? data.say.copied : data.say.select; };
    if (!navigator.clipboard) return byHand();
    navigator.clipboard.writeText(text.value).then(() => { said.textContent = data.say.copied; }, byHand);
  }

  by("copy-text").hidden = false;
  by("copy-text").addEventListener("click", copy);
  if (!ehr || !data.origin) {
    tell("absent");
  } else {
    send.hidden = false;
    send.addEventListener("click", handBack);
    tell(data.messages.length && taken() >= data.messages.length ? "already" : "ready");
  }
})();
