// Everything the page needs beyond Gradio.

import "./desk.js";
import "./history.js";
import "./compare.js";
import "./prompt-audio.js";
import "./examples.js";

const clicks = new Map(); // desk id -> time of the last click on its Generate button

window.studio = {
  firstSound: null, // seconds from the last click on Generate to the first sound
  bridge() {}, // set by the element that carries events to the server

  watch(desk, ids) {
    const list = (ids || "").split(" ").filter(Boolean);
    if (list.length) document.getElementById(desk).watch(list, clicks.get(desk) ?? performance.now());
  },

  // Shows a job that repeats a result, above that result.
  replay(node, id, sha256) {
    let desk = node.closest("studio-desk") || node.previousElementSibling;
    if (!desk || desk.tagName !== "STUDIO-DESK") {
      desk = document.createElement("studio-desk");
      node.before(desk);
    }
    desk.originals.set(id, sha256);
    desk.watch([id], performance.now(), false);
  },

  promptAudio() {
    return document.querySelector("studio-prompt-audio")?.value || "";
  },

  async again({ id, request }) {
    window.studio.bridge("again", id);
    if (request.audio) await document.querySelector("studio-prompt-audio").takePart(request.audio);
  },

  async continueResult(id) {
    window.studio.bridge("continued", id);
    await document.querySelector("studio-prompt-audio").takeResult(id);
  },
};

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[id$='-generate']");
  if (button) clicks.set(`${button.id.replace("-generate", "")}-desk`, performance.now());
}, { capture: true });
