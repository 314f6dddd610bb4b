// Makes a part of a piece anew: chosen on its waveform, the rest stays as it is.

import { ask, attempt, button, make, tell, toSeconds } from "./dom.js";
import { player } from "./player.js";

const KINDS = [
  ["redo", "Redo this part", "Drag on the waveform to choose the part. What is outside stays as it is."],
  ["redo_from", "Redo from here", "Choose a point: what stands before is kept, the rest is made anew."],
  ["loop", "Make a loop", "The first bars as a loop; needs the tempo of the piece."],
];

export function editPanel(card) {
  const { record, waveform } = card;
  const { about, request } = record;
  const line = (name, label, value) => make("label", { class: `edit-${name}` }, `${label} `, make("input", { type: "text", name, size: "5", value, inputmode: "decimal", oninput: moved }));
  const kind = make("select", { name: "kind", "aria-label": "What to make anew", onchange: draw }, ...KINDS.map(([name, text]) => make("option", { value: name }, text)),
    make("option", { disabled: true }, "Extend before the start (no model here can)"));
  const words = make("input", { type: "text", name: "prompt", value: request.prompt, "aria-label": "Words for the new part" });
  const note = make("p", { class: "hint" });
  const error = make("p", { class: "field-error", role: "alert", hidden: true });
  const lines = { start: line("start", "From", (about.seconds * 0.4).toFixed(1)), end: line("end", "to", (about.seconds * 0.6).toFixed(1)),
    loop: line("loop", "Bars", "4"), tempo: line("tempo", "Tempo", request.tempo || "") };
  const value = (name) => lines[name].lastElementChild.value;
  const go = make("button", { type: "submit", class: "primary edit-go" }, "Make it");
  const hear = button("quiet", "Play this part", () => player.play(card.piece, toSeconds(value("start")), kind.value === "redo" ? toSeconds(value("end")) : Infinity));
  const mark = waveform.choose((start, end) => {
    lines.start.lastElementChild.value = start.toFixed(1);
    lines.end.lastElementChild.value = end.toFixed(1);
  });

  function moved() {
    const start = toSeconds(value("start"));
    const end = kind.value === "redo" ? toSeconds(value("end")) : about.seconds;
    if (["redo", "redo_from"].includes(kind.value) && start < end) mark(start, end);
    error.hidden = true;
  }

  function draw() {
    const shown = { redo: ["start", "end"], redo_from: ["start"], loop: ["loop", "tempo"] }[kind.value];
    for (const [name, node] of Object.entries(lines)) node.hidden = !shown.includes(name);
    hear.hidden = !shown.includes("start");
    note.textContent = KINDS.find(([name]) => name === kind.value)[2];
    moved();
  }

  // The piece's own settings, but for a new seed and what is edited.
  async function submit(event) {
    event.preventDefault();
    error.hidden = true;
    const what = { redo: `${value("start")}-${value("end")}`, redo_from: value("start"), loop: value("loop") }[kind.value];
    const length = kind.value === "redo_from" ? String(Math.max(0, about.seconds - toSeconds(value("start")))) : "";
    try {
      const { form } = await ask(`studio/results/${record.id}/form`);
      const { upload } = await ask(`studio/results/${record.id}/as-prompt`, "POST");
      const { ids } = await ask("studio/form/submit", "POST", { ...form, seed: "", sections: "", min_seconds: "", best_of: "", keep: "", choose_by: "", prompt: words.value,
        seconds: length, upload, [kind.value]: what, ...(kind.value === "loop" ? { tempo: value("tempo") } : {}) });
      card.draw();
      tell("studio-jobs", { ids, began: performance.now() });
      tell("studio-open", { tab: "create" });
    } catch (problem) {
      error.textContent = problem.message;
      error.hidden = false;
    }
  }

  queueMicrotask(draw);
  return make("form", { class: "edit", onsubmit: attempt(submit) }, make("div", { class: "tools" }, kind, ...Object.values(lines), hear), note,
    make("div", { class: "tools" }, make("label", { class: "edit-words" }, "Words for the new part ", words), go), error);
}

