// Everything this person has made in this browser, and where a file comes from.

import { ask, attempt, byId, tell, toast } from "./dom.js";
import { grouped, showPieces } from "./pieces.js";

const holder = byId("library-list");
const search = byId("library-search");
const starred = byId("library-starred");
const erase = byId("library-erase");
let records = [];

function draw() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = records.filter(({ title, request, favourite }) => {
    const text = `${title} ${request.prompt}`.toLowerCase();
    return words.every((word) => text.includes(word)) && (!starred.checked || favourite);
  });
  showPieces(holder, grouped(shown));
  const all = records.length;
  byId("library-count").textContent = all === 0 ? "Nothing yet: what you make in Create is kept here."
    : shown.length === all ? `${all} ${all === 1 ? "piece" : "pieces"}.` : `${shown.length} of ${all} pieces.`;
  byId("library-export").hidden = all === 0;
  erase.hidden = all === 0;
}

search.addEventListener("input", draw);
starred.addEventListener("change", draw);
document.addEventListener("studio-library", ({ detail }) => {
  records = detail;
  draw();
});

erase.addEventListener("click", attempt(async () => {
  const ids = records.map(({ id }) => id);
  for (const id of ids) await ask(`studio/results/${id}`, "DELETE");
  tell("studio-changed");
  toast(`${ids.length} ${ids.length === 1 ? "piece is" : "pieces are"} deleted.`, "Undo", attempt(async () => {
    for (const id of ids) await ask(`studio/results/${id}/restore`, "POST");
    tell("studio-changed");
  }));
}));

const SAYS = {
  valid: "Signed and unchanged.",
  changed: "Signed, but changed since.",
  none: "No signed provenance.",
};
byId("verify-file").addEventListener("change", attempt(async ({ target }) => {
  const state = byId("verify-state");
  if (!target.files[0]) return;
  state.textContent = "Reading…";
  try {
    const file = target.files[0];
    target.value = ""; // so that the same name can be read again
    const { provenance, reason, signer } = await ask(`studio/verify?name=${encodeURIComponent(file.name)}`, "POST", file);
    state.textContent = `${file.name}: ${SAYS[provenance]} ${signer ? `Signed by ${signer}. ` : ""}(${reason}.)`;
  } catch (error) {
    state.textContent = error.message;
  }
}));
