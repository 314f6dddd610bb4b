// Everything the page needs beyond Gradio.

import "./desk.js";

const clicks = new Map(); // desk id -> time of the last click on its Generate button

window.studio = {
  firstSound: null,
  watch(desk, ids) {
    const list = (ids || "").split(" ").filter(Boolean);
    if (list.length) document.getElementById(desk).watch(list, clicks.get(desk) ?? performance.now());
  },
};

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[id$='-generate']");
  if (button) clicks.set(`${button.id.replace("-generate", "")}-desk`, performance.now());
}, { capture: true });
