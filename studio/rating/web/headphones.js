// The headphone test: three tones at a time; which one is the softest?

import { button, make, say, show, unsay } from "./elements.js";
import { listenPanel } from "./listen.js";
import { Player } from "./player.js";

const LONGEST = 60; // seconds that are counted of a trial
const ENOUGH = 0.9; // share of a trial to be heard before it can be answered
const TONES = [0, 1, 2];

// session: words, clip(name). Resolves with one answer a clip, 0 to 2.
export async function headphoneTest(session, clips) {
  const answers = [];
  for (const [index, name] of clips.entries()) {
    answers.push(await trial(session, name, index + 1, clips.length));
  }
  return answers;
}

function trial({ words, clip }, name, position, total) {
  return new Promise((resolve) => {
    const player = new Player([clip(name)], LONGEST);
    const trouble = () => say(words.clip_failed);
    let length = null; // seconds, once it is decoded
    const tones = TONES.map((tone) => button(words.tone.replace("{number}", tone + 1), () => {
      player.pause();
      resolve(tone);
    }, { class: "tone", disabled: true }));
    player.load().then(([buffer]) => {
      length = buffer.duration;
      player.seconds = length;
      player.tell();
    }).catch(trouble);
    player.addEventListener("change", () => {
      if (player.playing) unsay(words.clip_failed);
      const heard = player.heard[0] * player.bins * 0.1;
      if (length && heard >= ENOUGH * length) for (const each of tones) each.disabled = false;
    });
    const told = words.progress.replace("{position}", position).replace("{total}", total);
    show(make("header", { class: "progress" }, make("p", { id: "headphone-progress" }, told),
      make("progress", { max: total, value: position - 1, "aria-label": told })),
    make("h1", {}, words.headphone_test), make("p", {}, words.headphones),
    make("p", { class: "lead" }, words.headphone_question),
    listenPanel(words, player, 0, trouble).panel,
    make("div", { class: "tones", role: "group", "aria-label": words.headphone_question },
      ...tones));
  });
}
