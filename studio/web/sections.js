// The plan of a piece as a bar: borders are dragged, and everything scales with the length.

import { button, make } from "./dom.js";

const NAMES = ["intro", "verse", "chorus", "outro"];
const FIRST = [["intro", 0.15], ["verse", 0.4], ["chorus", 0.3], ["outro", 0.15]];
const LEAST = 0.04; // of the whole, so that every part can be seen and taken hold of

export function sectionBar(node, input, lengthNow, onChange) {
  let parts = []; // [{name, share}]; the shares make 1

  function write() {
    const seconds = lengthNow();
    let at = 0;
    const ends = parts.map(({ share }, i) => (i === parts.length - 1 ? seconds : Math.round((at += share) * seconds * 10) / 10));
    input.value = Number.isFinite(seconds) ? parts.map(({ name }, i) => `${name}:${i ? ends[i - 1] : 0}-${ends[i]}`).join(", ") : "";
  }

  function change() {
    write();
    draw();
    onChange();
  }

  function move(i, by) { // the border after part i
    const room = parts[i].share + parts[i + 1].share;
    const share = Math.min(room - LEAST, Math.max(LEAST, parts[i].share + by));
    Object.assign(parts[i], { share });
    Object.assign(parts[i + 1], { share: room - share });
  }

  function border(i) {
    const handle = make("div", { class: "section-border", role: "slider", tabindex: "0",
      "aria-label": `End of ${parts[i].name}`, "aria-valuemin": "0", "aria-valuemax": "100",
      "aria-valuenow": String(Math.round(100 * parts.slice(0, i + 1).reduce((sum, part) => sum + part.share, 0))) });
    handle.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -0.02, ArrowRight: 0.02 }[event.key];
      if (!step) return;
      event.preventDefault();
      move(i, step);
      change();
      node.querySelectorAll(".section-border")[i].focus();
    });
    handle.addEventListener("pointerdown", (event) => {
      handle.setPointerCapture(event.pointerId);
      let x = event.clientX;
      const drag = ({ clientX }) => {
        move(i, (clientX - x) / node.firstElementChild.clientWidth);
        x = clientX;
        size();
      };
      handle.addEventListener("pointermove", drag);
      handle.addEventListener("lostpointercapture", change, { once: true });
    });
    return handle;
  }

  function size() {
    write();
    const times = input.value.split(", ").map((text) => text.split(":")[1]);
    [...node.querySelectorAll(".section-part")].forEach((part, i) => {
      part.style.flexGrow = parts[i].share;
      part.querySelector("small").textContent = times[i] ? times[i].replace("-", "–") : "";
    });
  }

  function draw() {
    const bars = parts.flatMap((part, i) => {
      const names = make("select", { "aria-label": `Section ${i + 1}`, onchange: ({ target }) => {
        if (target.value) part.name = target.value;
        else parts = parts.filter((each) => each !== part).map((each, _, left) => ({ ...each, share: each.share / left.reduce((sum, one) => sum + one.share, 0) }));
        change();
      } }, ...NAMES.map((name) => make("option", { value: name, selected: name === part.name }, name)), make("option", { value: "" }, "remove"));
      const box = make("div", { class: `section-part part-${part.name}` }, names, make("small", {}));
      return i < parts.length - 1 ? [box, border(i)] : [box];
    });
    const add = button("quiet", parts.length ? "Add a section" : "Plan the sections", () => {
      if (!parts.length) parts = FIRST.map(([name, share]) => ({ name, share }));
      else parts = [...parts.map((part) => ({ ...part, share: part.share * 0.8 })), { name: "verse", share: 0.2 }];
      change();
    });
    const clear = parts.length ? button("quiet", "No sections", () => { parts = []; change(); }) : null;
    node.replaceChildren(make("div", { class: "section-parts" }, ...bars), make("div", { class: "tools" }, add, clear));
    if (parts.length) size();
  }

  draw();
  return {
    scale() {
      write();
      draw();
    },
    // From the text of a plan.
    read(text) {
      const found = [...text.matchAll(/(\w+):([\d.]+)-([\d.]+)/g)].map(([, name, start, end]) => ({ name, share: end - start }));
      const all = found.reduce((sum, { share }) => sum + share, 0);
      parts = all > 0 ? found.map((part) => ({ ...part, share: part.share / all })) : [];
      draw();
      input.value = text;
    },
  };
}
