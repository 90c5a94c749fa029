/* An EHR's order screen: it signs, shows cards, launches the app in a frame and takes SMART Web Messages.

   What it knows of the session comes from /session; window.heard holds every message, window.answers how it answers. */
"use strict";
window.heard = [];
window.answers = {}; // messageType -> what the answer says instead: null for no answer, {origin: false} and the like
let session, cards = [], frame, handle;
const show = () => {
  document.getElementById("drafts").textContent = JSON.stringify(session.request.context.draftOrders, null, 1);
};
const drafts = () => session.request.context.draftOrders.entry;
const place = (reference) => drafts().findIndex((e) => `${e.resource.resourceType}/${e.resource.id}` === reference);

function update(resource) {
  const at = place(`${resource.resourceType}/${resource.id}`);
  if (at < 0) return false;
  drafts()[at].resource = resource;
  return true;
}

function rate() {
  const found = (drafts()[0]?.resource.extension ?? []).find((e) => e.url.endsWith("/pama-rating"));
  document.getElementById("rating").textContent = found ? found.valueCodeableConcept.coding[0].code : "no rating";
  show();
}

async function sign() {
  document.getElementById("rating").textContent = "asking";
  const answer = await (await fetch(session.service, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(session.request),
  })).json();
  window.answer = answer;
  cards = answer.cards;
  for (const action of answer.systemActions ?? []) update(action.resource);
  document.getElementById("cards").replaceChildren(...cards.map((card) => {
    const box = document.createElement("article");
    const title = document.createElement("h2");
    title.textContent = card.summary;
    const links = (card.links ?? []).filter((link) => link.type === "smart").map((link) => {
      const button = document.createElement("button");
      button.textContent = link.label;
      button.addEventListener("click", () => launch(link));
      return button;
    });
    box.append(title, ...links);
    return box;
  }));
  rate();
}

async function launch(link) {
  const told = await (await fetch("launch", { method: "POST", body: JSON.stringify({ appContext: link.appContext }) })).json();
  handle = told.handle;
  const address = `${link.url}?iss=${encodeURIComponent(session.iss)}&launch=${told.launch}`;
  if (session.newWindow) {
    frame = { contentWindow: window.open(address) };
    return;
  }
  frame = document.createElement("iframe");
  frame.title = "Companion app";
  frame.width = 1000;
  frame.height = 700;
  frame.allow = "clipboard-write";
  frame.src = address;
  document.getElementById("app").replaceChildren(frame);
}

const doing = {
  "status.handshake": () => ({}),
  "scratchpad.update": ({ resource }) => (update(resource) ? { status: "200 OK" } : { status: "404 Not Found" }),
  "scratchpad.create": ({ resource }) => {
    const id = `new-${drafts().length}`;
    drafts().push({ resource: { ...resource, id } });
    return { status: "201 Created", location: `${resource.resourceType}/${id}` };
  },
  "scratchpad.delete": ({ location }) => {
    const at = place(location);
    if (at >= 0) drafts().splice(at, 1);
    return { status: at >= 0 ? "200 OK" : "404 Not Found" };
  },
  "ui.done": () => {
    if (frame.remove) setTimeout(() => document.getElementById("app").replaceChildren(), 50);
    else frame.contentWindow.close();
    return { status: "success" };
  },
};

window.addEventListener("message", (event) => {
  if (event.origin !== session.app || event.source !== frame?.contentWindow) return;
  const said = event.data;
  window.heard.push(said);
  if (said.messagingHandle !== handle) return;
  const instead = window.answers[said.messageType];
  if (instead === null) return;
  const payload = instead?.payload ?? doing[said.messageType](said.payload);
  rate();
  const answer = { messageId: crypto.randomUUID(), responseToMessageId: said.messageId, payload };
  if (instead?.to) answer.responseToMessageId = instead.to;
  event.source.postMessage(answer, event.origin);
});

document.getElementById("sign").addEventListener("click", sign);
fetch("session").then((r) => r.json()).then((s) => { session = s; rate(); document.body.dataset.ready = "yes"; });
