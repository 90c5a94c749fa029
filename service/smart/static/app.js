// Answers a question without loading the whole page: the parts marked data-live are put in place of the old ones, so
// that a screen reader says the new verdict (role=status) and the focus moves to the next question. Without this file
// the same forms and links load the page anew.
"use strict";

async function swap(address, sent) {
  const response = await fetch(address, sent);
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  const parts = [...document.querySelectorAll("[data-live]")];
  if (parts.some((part) => !fresh.getElementById(part.id))) throw new Error("another page");
  for (const part of parts) {
    const other = fresh.getElementById(part.id);
    part.className = other.className;
    part.replaceChildren(...other.childNodes);
  }
  document.title = fresh.title;
  if (response.redirected || !sent) history.replaceState(null, "", response.url);
  const field = document.querySelector("#work [aria-invalid], #work #question");
  if (field) field.focus();
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-swap]")) return;
  event.preventDefault();
  if (form.getAttribute("aria-busy")) return; // it is on its way
  const button = event.submitter;
  const body = new URLSearchParams(new FormData(form));
  if (button && button.name) body.set(button.name, button.value);
  form.setAttribute("aria-busy", "true");
  swap(form.action, { method: "POST", body }).catch(() => location.reload());
});

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-swap]");
  if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  swap(link.href).catch(() => location.assign(link.href));
});
