// One trial: listen, score, perhaps say something, go on.

import { button, make, say, show, unsay } from "./elements.js";
import { listenPanel } from "./listen.js";
import { Player } from "./player.js";
import { Scores } from "./scores.js";
import { Sliders } from "./sliders.js";

// session: words, study, clip(name), answer(trial, content), rest(), withdraw(), note(...).
export function showTrial(session, trial, heading) {
  const { words, study } = session;
  const heard = trial.reference ? [trial.reference, ...trial.clips] : trial.clips;
  const player = new Player(heard.map(session.clip), trial.seconds, undefined, study.sliders);
  const scores = study.sliders
    ? new Sliders(study.axes[0], study.scale, trial.clips, player, words)
    : new Scores(study.axes, study.scale, study.words_on_scale);
  const comment = make("textarea", { id: "comment", rows: 2, maxlength: 2000 });
  const next = button(words.next, send, { class: "main next", disabled: true });
  const hint = make("p", { class: "hint", id: "hint" }, words.listen_more);
  const names = study.sliders ? [words.reference] : study.pairs ? [words.first, words.second] : [];
  const { panel, start } = listenPanel(words, player, trial.prompt_seconds, trouble, names);
  let sent = false;

  function trouble(error) {
    session.note(`play-${trial.id}`, "play_failed", { reason: String(error).slice(0, 200) });
    say(words.clip_failed);
  }

  function check() {
    if (player.playing) unsay(words.clip_failed);
    if (study.sliders) checkSliders();
    else checkScores();
  }

  function checkSliders() {
    hint.textContent = scores.update(study.min_heard);
    hint.hidden = !hint.textContent;
    next.disabled = sent || !hint.hidden;
  }

  function checkScores() {
    const open = player.heard.findIndex((share) => share < study.min_heard);
    if (!scores.enabled && open < 0) {
      scores.enabled = true;
      hint.hidden = true;
    }
    hint.textContent = missing(open);
    next.disabled = sent || !scores.enabled || !scores.complete;
  }

  // In pairs it is said which side still has to be heard.
  function missing(side) {
    if (player.urls.length === 1 || player.heard.every((share) => share < study.min_heard)) {
      return words.listen_more;
    }
    return side === 0 ? words.listen_more_first : words.listen_more_second;
  }

  function send() {
    if (sent || !scores.complete) return;
    sent = true;
    next.disabled = true;
    leave();
    session.answer(trial, {
      scores: scores.values, comment: comment.value,
      listening: { heard: player.heard, events: player.events },
    });
  }

  function key(event) {
    if (event.target.closest("textarea, dialog") || event.ctrlKey || event.metaKey
      || event.altKey) return;
    const side = ["a", "b"].indexOf(event.key.toLowerCase());
    if (event.key === " " && !event.target.closest("button, input[type=radio]")) start();
    else if (side >= 0 && study.pairs) player.choose(side);
    else if (!scores.key(event.key)) return;
    else if (scores.complete && !study.sliders) next.focus();
    event.preventDefault();
  }

  function leave() {
    player.pause();
    document.removeEventListener("keydown", key);
    player.removeEventListener("change", check);
  }

  player.addEventListener("change", check);
  document.addEventListener("keydown", key);
  const form = make("form", { onchange: check, onclick: check, onsubmit: (event) => event.preventDefault() },
    study.sliders ? null : hint, ...scores.rows, study.sliders ? hint : null,
    make("label", { class: "comment", for: "comment" }, words.comment), comment, next);
  show(progress(words, trial), heading ? make("p", { class: "note" }, heading) : null,
    trial.caption ? make("section", { class: "caption" }, make("h2", {}, words.description),
      make("p", {}, trial.caption)) : null,
    study.sliders ? make("p", { class: "note" }, words.mushra) : null,
    trial.instruction ? make("p", { class: "note instruction" }, trial.instruction) : null,
    panel, form, make("div", { class: "quiet-row" },
      button(words.break, () => { leave(); session.rest(); }, { class: "quiet" }),
      button(words.withdraw, () => session.withdraw(leave), { class: "quiet" })));
  check();
  player.load().catch(trouble);
}

function progress(words, trial) {
  const text = words.progress.replace("{position}", trial.position)
    .replace("{total}", trial.total);
  return make("header", { class: "progress" }, make("p", { id: "progress" }, text),
    make("progress", { max: trial.total, value: trial.position - 1, "aria-label": text }));
}
