// The part of a screen on which clips are played.

import { button, clock, make } from "./elements.js";

// words: the study's strings; promptSeconds: how much of the start is the prompt; names: of the
// clips that are chosen here, from the first on.
export function listenPanel(words, player, promptSeconds, onTrouble, names = []) {
  const play = button(words.play, () => start(), { class: "play", "aria-keyshortcuts": "Space" });
  const time = make("span", { class: "time" });
  const seek = make("input", {
    type: "range", class: "seek", min: 0, step: 0.05, value: 0,
    "aria-label": words.play, oninput: () => player.seek(Number(seek.value)),
  });
  const sides = names.map((name, index) => sideButton(player, name, index));
  const marks = promptSeconds > 0 ? promptMarks(words, promptSeconds / player.seconds) : null;

  async function start() {
    try {
      await player.toggle();
    } catch (error) {
      onTrouble(error);
    }
  }

  function draw() {
    const position = player.position;
    play.textContent = player.wanted ? words.pause : words.play;
    play.setAttribute("aria-pressed", String(player.wanted));
    seek.max = player.seconds;
    seek.value = position;
    time.textContent = `${clock(position)} / ${clock(player.seconds)}`;
    marks?.forEach((mark, index) => mark.classList.toggle(
      "now", player.playing && (position < promptSeconds) === (index === 0)));
  }

  player.addEventListener("change", draw);
  draw();
  const panel = make("section", { class: "listen" },
    sides.length ? make("div", { class: "sides", role: "group" }, ...sides) : null,
    make("div", { class: "transport" }, play, time), seek,
    marks ? make("div", { class: "marks" }, ...marks) : null);
  return { panel, start };
}

// Chooses one clip of several; shows how much of it was heard.
export function sideButton(player, name, index, properties = {}) {
  const side = button(name, () => player.choose(index), { class: "side", ...properties });
  const draw = () => {
    side.setAttribute("aria-pressed", String(index === player.current));
    side.style.setProperty("--heard", `${100 * player.heard[index]}%`);
  };
  player.addEventListener("change", draw);
  draw();
  return side;
}

function promptMarks(words, share) {
  return [["prompt", words.prompt, share], ["continuation", words.continuation, 1 - share]].map(
    ([name, text, width]) => {
      const mark = make("span", { class: `mark ${name}` }, text);
      mark.style.flexGrow = width;
      return mark;
    });
}
