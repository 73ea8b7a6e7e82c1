// Sends the page's own forms without leaving the page and puts the answered piece where it belongs.
// Knows: data-into on a form (log, results, only-result, after, replace). Without it forms just post.
"use strict";

const words = document.getElementById("words").dataset;
const status = document.getElementById("status");
const calm = window.matchMedia("(prefers-reduced-motion: reduce)");

function announce(sentence) {
  status.textContent = "";
  // a change is only spoken when the region was seen empty before
  requestAnimationFrame(() => { status.textContent = sentence; });
}

function piece(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content.querySelector("[data-part]");
}

function notice(sentence) {
  const box = document.createElement("div");
  box.className = "notice";
  box.setAttribute("role", "alert");
  const line = document.createElement("p");
  line.textContent = sentence;
  box.append(line);
  return box;
}

function show(element) {
  element.scrollIntoView({ block: "nearest", behavior: calm.matches ? "auto" : "smooth" });
}

function toEnd() {
  window.scrollTo({ top: document.documentElement.scrollHeight, behavior: calm.matches ? "auto" : "smooth" });
}

// The person's words stand in the log at once, with a sign that the answer is being written.
function waitingTurn(text) {
  const turn = document.createElement("li");
  turn.className = "turn";
  const said = document.createElement("div");
  said.className = "said";
  const line = document.createElement("p");
  line.textContent = text;
  said.append(line);
  turn.append(said, waitingLine());
  return turn;
}

function waitingLine() {
  const line = document.createElement("p");
  line.className = "waiting reply";
  line.textContent = words.waiting;
  return line;
}

const places = {
  log: {
    before(form, data) {
      const turn = waitingTurn(data.get("text"));
      document.getElementById("welcome")?.remove();
      document.getElementById("log").append(turn);
      if ("clears" in form.dataset) form.elements.text.value = "";
      else document.getElementById("main").focus({ preventScroll: true }); // the button is gone
      toEnd();
      return turn;
    },
    after(form, waiting, part) {
      waiting.replaceWith(part);
      toEnd();
    },
  },
  results: {
    before() {
      const line = waitingLine();
      document.getElementById("results").prepend(line);
      return line;
    },
    after(form, waiting, part) {
      waiting.replaceWith(part);
      show(part);
    },
  },
  "only-result": {
    before() {
      const line = waitingLine();
      document.getElementById("results").replaceChildren(line);
      return line;
    },
    after(form, waiting, part) {
      waiting.replaceWith(part);
      part.scrollIntoView({ block: "start", behavior: calm.matches ? "auto" : "smooth" });
    },
  },
  after: {
    before(form) {
      const line = waitingLine();
      form.closest(".reply").after(line);
      return line;
    },
    after(form, waiting, part) {
      waiting.replaceWith(part);
      show(part);
    },
  },
  replace: {
    before() { return null; },
    after(form, waiting, part, key) {
      form.closest("[data-part]").replaceWith(part);
      part.querySelector(`[data-key="${key}"]`)?.focus({ preventScroll: true });
      const reasons = part.querySelector(".reasons");
      if (reasons) show(reasons);
    },
  },
};

function noticeBox(form) {
  return form.closest(".composer") || (form.dataset.into === "log" ? document.getElementById("composer") : form);
}

async function send(form, submitter) {
  const data = new FormData(form, submitter);
  const place = places[form.dataset.into];
  const box = noticeBox(form);
  box.querySelector(":scope > .notice")?.remove();
  const buttons = [...form.querySelectorAll("button")];
  const waiting = place.before(form, data);
  // after the form was read: a disabled button has no value; aria keeps the focus where it is
  form.setAttribute("aria-busy", "true");
  buttons.forEach((button) => button.setAttribute("aria-disabled", "true"));
  let problem = null;
  try {
    const answer = await fetch(form.action, {
      method: "POST",
      body: form.enctype === "multipart/form-data" ? data : new URLSearchParams(data),
      headers: { "X-Moyou-Part": "1" },
      credentials: "same-origin",
    });
    const part = piece(await answer.text());
    if (answer.ok && part) {
      place.after(form, waiting, part, submitter?.dataset.key);
      prepare(part);
      if (part.dataset.announce) announce(part.dataset.announce);
    } else {
      problem = part || notice(words.lost);
    }
  } catch {
    problem = notice(words.lost);
  }
  if (problem) {
    waiting?.remove();
    if ("clears" in form.dataset && !form.elements.text.value) form.elements.text.value = data.get("text");
    if (box === form) form.append(problem);
    else box.prepend(problem);
    show(problem);
  }
  form.removeAttribute("aria-busy");
  buttons.forEach((button) => button.removeAttribute("aria-disabled"));
}

function prepare(root) {
  if (!navigator.clipboard) return;
  root.querySelectorAll("[data-copy]").forEach((button) => { button.hidden = false; });
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!(form.dataset.into in places)) return;
  event.preventDefault();
  if (form.getAttribute("aria-busy") !== "true") send(form, event.submitter);
});

document.addEventListener("keydown", (event) => {
  const plain = !event.shiftKey && !event.ctrlKey && !event.altKey && !event.metaKey;
  // isComposing: this Enter belongs to the input method, not to us
  if (event.key !== "Enter" || !plain || event.isComposing || event.keyCode === 229) return;
  if (!event.target.matches("[data-send-on-enter]")) return;
  event.preventDefault();
  event.target.form.requestSubmit();
});

// Keys of a card press its buttons while the focus is on the card and not in a field.
document.addEventListener("keydown", (event) => {
  const plain = !event.shiftKey && !event.ctrlKey && !event.altKey && !event.metaKey;
  const card = event.target.closest?.("[data-keys]");
  if (!card || !plain || event.isComposing || event.repeat) return;
  if (event.target.matches("textarea, select, input:not([type=checkbox])")) return;
  const button = [...card.querySelectorAll("[data-press]")].find((one) => one.dataset.press === event.key.toLowerCase());
  if (!button) return;
  event.preventDefault();
  button.click();
});

document.addEventListener("click", async (event) => {
  const copy = event.target.closest("[data-copy]");
  if (copy) {
    try {
      await navigator.clipboard.writeText(copy.dataset.copy);
      announce(words.copied);
    } catch {
      announce(words.notCopied);
    }
    return;
  }
  const source = event.target.closest("[data-source]");
  if (!source) return;
  const passage = document.getElementById(source.hash.slice(1));
  if (!passage) return;
  event.preventDefault();
  document.querySelectorAll(".summary .shown").forEach((other) => other.classList.remove("shown"));
  passage.classList.add("shown");
  passage.scrollIntoView({ block: "center", behavior: calm.matches ? "auto" : "smooth" });
  passage.focus({ preventScroll: true });
});

prepare(document);
document.querySelector("[data-keys]")?.focus({ preventScroll: true });
if (location.hash === "" && document.querySelector(".log .turn")) window.scrollTo(0, document.documentElement.scrollHeight);
