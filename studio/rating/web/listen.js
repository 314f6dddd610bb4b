// The part of a screen on which clips are played.

import { button, clock, make } from "./elements.js";

// words: the study's strings; promptSeconds: how much of the start is the prompt.
export function listenPanel(words, player, promptSeconds, onTrouble) {
  const play = button(words.play, () => start(), { class: "play", "aria-keyshortcuts": "Space" });
  const time = make("span", { class: "time" });
  const seek = make("input", {
    type: "range", class: "seek", min: 0, step: 0.05, value: 0,
    "aria-label": words.play, oninput: () => player.seek(Number(seek.value)),
  });
  const sides = player.urls.length === 1 ? [] : [words.first, words.second].map((name, index) =>
    button(name, () => player.choose(index), { class: "side" }));
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
    sides.forEach((side, index) => {
      side.setAttribute("aria-pressed", String(index === player.current));
      side.style.setProperty("--heard", `${100 * player.heard[index]}%`);
    });
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

function promptMarks(words, share) {
  return [["prompt", words.prompt, share], ["continuation", words.continuation, 1 - share]].map(
    ([name, text, width]) => {
      const mark = make("span", { class: `mark ${name}` }, text);
      mark.style.flexGrow = width;
      return mark;
    });
}
