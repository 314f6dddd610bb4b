// The Create form: kept over a reload, checked while it is filled in, and sent.

import { about, ask, attempt, byId, memory, tell, toast, toSeconds } from "./dom.js";
import { sectionBar } from "./sections.js";
import { sound } from "./sound.js";

const form = byId("create-form");
const field = (name) => form.elements.namedItem(name);
const CHECK_MS = 350;
const touched = new Set(); // errors are shown for what the person has changed
let checking = 0;
let turn = 0;
let mode = "words";

// What the form says: name -> text, without empty fields and those that are not shown.
export function values() {
  const given = Object.fromEntries([...new FormData(form)].filter(([, value]) => value !== ""));
  return { ...given, ...(mode === "sound" ? sound.value : {}) };
}

function keep() {
  memory.set("form", { ...Object.fromEntries(new FormData(form)), mode, sound: sound.kept });
}

export function fill(given) {
  for (const [name, value] of Object.entries(given)) {
    const control = field(name);
    if (!control) continue;
    control.value = value;
    touched.delete(name);
  }
  if (given.seconds) field("seconds").value = showTime(given.seconds);
  bar.read(field("sections").value);
  drawVariant();
  mark();
  changed();
}

const showTime = (seconds) => {
  const number = toSeconds(seconds);
  if (!Number.isFinite(number)) return seconds;
  return Number.isInteger(number) ? `${Math.floor(number / 60)}:${String(number % 60).padStart(2, "0")}` : String(number);
};

const bar = sectionBar(byId("create-section-bar"), field("sections"), () => toSeconds(field("seconds").value), () => changed("sections"));

// What follows from other fields: pressed pills, notes of closed boxes, fields the model has.
function mark() {
  const seconds = toSeconds(field("seconds").value);
  for (const pill of byId("create-lengths").querySelectorAll("button")) {
    pill.setAttribute("aria-pressed", String(Number(pill.dataset.seconds) === seconds));
  }
  for (const box of form.querySelectorAll(".box")) {
    const set = [...box.querySelectorAll("[name]:enabled")].filter((each) => each.value && each.value !== (each.dataset.plain ?? "")).length;
    box.querySelector(".box-note").textContent = set ? `${set} set` : "";
  }
}

for (const each of form.querySelectorAll("select")) each.dataset.plain = each.value;

// Adapters of the chosen model, and the field that says how strongly each is added.
const strengths = [...form.querySelectorAll("[data-adapter]")];

function drawAdapters(folder) {
  const given = new Map(field("lora").value.split(",").map((part) => part.trim().split(":")));
  for (const slider of strengths) {
    const { base } = slider.parentNode.dataset;
    slider.parentNode.hidden = Boolean(base) && base !== folder;
    slider.value = slider.parentNode.hidden ? "0" : given.get(slider.dataset.adapter) || "0";
    slider.nextElementSibling.value = slider.value;
  }
  byId("create-lora").hidden = strengths.every((slider) => slider.parentNode.hidden);
  writeAdapters();
}

function writeAdapters() {
  field("lora").value = strengths.filter(({ value }) => Number(value)).map((slider) => `${slider.dataset.adapter}:${slider.value}`).join(", ");
}

for (const slider of strengths) {
  slider.addEventListener("input", () => {
    slider.nextElementSibling.value = slider.value;
    writeAdapters();
    changed("lora");
  });
}

function drawVariant() {
  const chosen = field("variant").selectedOptions[0];
  if (!chosen) return;
  if (strengths.length) drawAdapters(chosen.dataset.folder);
  byId("create-variant-hint").textContent = chosen.dataset.sentence;
  for (const part of form.querySelectorAll("[data-flow]:not(option)")) {
    part.hidden = chosen.dataset.flow === "0";
    part.querySelector("[name]").disabled = part.hidden; // what is not shown is not sent
  }
}

async function drawIdeas() {
  const { styles, drawn } = await ask(`studio/ideas/${field("variant").value}`);
  byId("create-dice").dataset.drawn = drawn;
  byId("create-chips").replaceChildren(...styles.map(({ name, prompt }) => {
    const chip = document.createElement("button");
    Object.assign(chip, { type: "button", className: "chip", textContent: name, title: prompt });
    chip.addEventListener("click", () => usePrompt(prompt));
    return chip;
  }));
}

function usePrompt(prompt) {
  field("prompt").value = prompt;
  changed("prompt");
  field("prompt").focus();
}

export function showErrors(errors, all = false) {
  for (const line of form.querySelectorAll(".field-error")) {
    const name = line.id.replace("create-error-", "");
    const text = all || touched.has(name) || (name === "form" && touched.size) ? errors[name] || "" : "";
    line.textContent = text;
    line.hidden = !text;
    byId(`create-${name}-input`)?.setAttribute("aria-invalid", String(Boolean(text)));
    if (text && all) line.closest("details")?.setAttribute("open", "");
  }
  const homeless = Object.keys(errors).filter((name) => !byId(`create-error-${name}`));
  if (all && homeless.length) showErrors({ ...errors, form: errors[homeless[0]], [homeless[0]]: undefined }, true);
}

export function changed(name = null) {
  if (name) {
    touched.add(name);
    const line = byId(`create-error-${name}`);
    if (line) line.hidden = true; // its cause may have gone: the check will say
  }
  mark();
  keep();
  clearTimeout(checking);
  checking = setTimeout(check, CHECK_MS);
}

async function check() {
  const now = turn += 1;
  const answer = await ask("studio/form/check", "POST", values()).catch(() => null);
  if (!answer || now !== turn) return;
  showErrors(answer.errors);
  const warning = byId("create-warning");
  warning.textContent = answer.warnings.prompt || "";
  warning.hidden = !answer.warnings.prompt;
  const sent = byId("create-sent");
  sent.hidden = !answer.sent || answer.sent === values().prompt;
  sent.textContent = sent.hidden ? "" : `Sent to the model: ${answer.sent}`;
  byId("create-time").textContent = answer.seconds ? `about ${about(answer.seconds)}` : "";
}

async function submit() {
  const go = byId("create-generate");
  go.disabled = true;
  turn += 1; // an older check must not clear what is told now
  clearTimeout(checking);
  try {
    const { ids } = await ask("studio/form/submit", "POST", values());
    showErrors({}, true);
    touched.clear();
    tell("studio-jobs", { ids, began: performance.now() });
  } catch (error) {
    showErrors(error.errors || { form: error.message }, true);
    form.querySelector(".field-error:not([hidden])")?.scrollIntoView({ block: "center" });
  } finally {
    go.disabled = false;
  }
}

export function setMode(name) {
  mode = name;
  for (const each of form.querySelectorAll("[data-from]")) each.setAttribute("aria-pressed", String(each.dataset.from === name));
  byId("create-sound").hidden = name !== "sound";
  form.querySelector("label[for=create-prompt-input]").textContent = name === "sound" ? "Describe what follows (may stay empty)" : "Describe the music";
  byId("create-generate").firstElementChild.textContent = name === "sound" ? "Continue" : "Generate";
  changed();
}

// A result's own settings, its seed too; or its sound, to be gone on from.
document.addEventListener("studio-reuse", attempt(async ({ detail }) => {
  const { form: given, sound: part } = await ask(`studio/results/${detail.id}/form`);
  fill(given);
  if (part) await sound.takePart(part);
  tell("studio-open", part ? { tab: "create", from: "sound" } : { tab: "create" });
  toast("The form holds this piece's settings, its seed too.");
}));
document.addEventListener("studio-continue", attempt(async ({ detail }) => {
  tell("studio-open", { tab: "create", from: "sound" });
  await sound.takeResult(detail.id, detail.title);
}));
document.addEventListener("studio-tab", ({ detail }) => {
  if (detail.tab === "create") setMode(detail.query.get("from") === "sound" ? "sound" : "words");
});
document.addEventListener("studio-example", ({ detail }) => usePrompt(detail));
document.addEventListener("studio-sound-chosen", () => changed("audio"));

form.addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
});
form.addEventListener("input", (event) => event.target.name && changed(event.target.name));
form.addEventListener("change", (event) => {
  if (!event.target.name) return;
  if (event.target.name === "seconds") event.target.value = showTime(event.target.value);
  if (["seconds"].includes(event.target.name)) bar.scale();
  if (event.target.name === "variant") {
    drawVariant();
    drawIdeas().catch(() => {});
  }
  changed(event.target.name);
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !byId("panel-create").hidden) form.requestSubmit();
});
byId("create-lengths").addEventListener("click", ({ target }) => {
  if (!target.dataset.seconds) return;
  field("seconds").value = showTime(target.dataset.seconds);
  bar.scale();
  changed("seconds");
});
byId("create-dice").addEventListener("click", attempt(async ({ target }) => {
  if (!target.dataset.drawn) await drawIdeas();
  usePrompt(target.dataset.drawn);
  await drawIdeas();
}));
byId("create-reset").addEventListener("click", () => {
  form.reset();
  fill(Object.fromEntries(new FormData(form)));
});
for (const each of form.querySelectorAll("[data-from]")) {
  each.addEventListener("click", () => tell("studio-open", each.dataset.from === "sound" ? { tab: "create", from: "sound" } : { tab: "create" }));
}

const kept = memory.get("form");
if (kept) {
  const { mode: _, sound: part, ...given } = kept;
  fill(given);
  if (part) sound.takePart(part).catch(() => {});
} else fill({});
const model = new URLSearchParams(location.search).get("model"); // "Use this model" of the Train tab
if ([...field("variant").options].some(({ value }) => value === model)) fill({ variant: model });
drawIdeas().catch(() => {});
