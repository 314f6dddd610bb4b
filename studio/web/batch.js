// Many prompts at once: lines or a CSV, one progress, one ZIP.

import { ask, attempt, button, byId, make, tell } from "./dom.js";
import { showErrors, values } from "./form.js";

const text = byId("create-batch-input");
const state = byId("create-batch-state");
const box = byId("create-batch-box");

async function follow() {
  const { id, total, done, failed, active, error } = await ask("studio/batches");
  state.hidden = !id;
  if (!id) return;
  const told = `${done} of ${total} made${failed ? `, ${failed} failed` : ""}${error ? `: ${error}` : ""}`;
  state.replaceChildren(make("progress", { max: total, value: done + failed, "aria-label": "Prompts made" }), told,
    active ? button("quiet", "Cancel", attempt(async () => { await ask(`studio/batches/${id}/cancel`, "POST"); await follow(); }))
      : done ? make("a", { class: "quiet", href: `studio/batches/${id}/music.zip`, download: "" }, "Download ZIP") : "");
  box.open ||= active;
  if (active) setTimeout(() => follow().catch(() => {}), 1000);
}

byId("create-batch-run").addEventListener("click", async () => {
  const { prompt: _, ...form } = values();
  try {
    await ask("studio/batches", "POST", { text: text.value, form });
    showErrors({}, true);
    tell("studio-jobs", { ids: [], began: performance.now() });
    await follow();
  } catch (error) {
    showErrors(error.errors || { batch: error.message }, true);
  }
});
text.addEventListener("input", () => { byId("create-error-batch").hidden = true; });
text.addEventListener("dragover", (event) => event.preventDefault());
text.addEventListener("drop", attempt(async (event) => {
  const [file] = event.dataTransfer.files;
  if (!file) return;
  event.preventDefault();
  text.value = await file.text();
}));
follow().catch(() => {});
