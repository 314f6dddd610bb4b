// From consent to the completion code. The server alone knows what comes next; this page keeps
// the personal link, and what was not yet acknowledged.

import { button, make, say, show } from "./elements.js";
import { headphoneTest } from "./headphones.js";
import { listenPanel } from "./listen.js";
import { listStudies } from "./list.js";
import { insist, Outbox, Refused } from "./outbox.js";
import { Player } from "./player.js";
import { publicTable } from "./table.js";
import { showTrial } from "./trial.js";

const LEVEL_SECONDS = 1; // of the noise, before the level can be called fine
const LEVEL_LONGEST = 60; // as much of it as is counted
const SAVED_SHOWN = 2500; // milliseconds
const RETURN_WAIT = 1500; // before the page goes back to the platform by itself
const study = JSON.parse(document.getElementById("study").textContent);
const words = study.language || {};
const query = new URLSearchParams(location.search);
const stored = `rate:${study.name}`;
const token = personalToken();
const lost = () => say(words.no_connection);
const unloaded = () => say(words.clip_failed);
// Only answers are told of: a note that comes and goes must not take another message away.
const ANSWER = "listening_answer";
const outbox = new Outbox(`${stored}:${token}`,
  (entry) => { if (entry.path === ANSWER) say(words.offline); },
  (entry) => { if (entry.path === ANSWER) say(words.saved, SAVED_SHOWN); });
let trainedHere = false;

const session = {
  study, words,
  clip: (name) => `rate/clips/${encodeURIComponent(study.name)}/${encodeURIComponent(name)}`,

  note(key, kind, detail = {}) {
    outbox.put(`note-${key}`, "listening_note", identified({ key, kind, detail }));
    outbox.send();
  },

  async answer(trial, content) {
    outbox.put(`answer-${trial.id}`, ANSWER, identified({ trial_id: trial.id, ...content }));
    trainedHere = trial.training;
    proceed(await outbox.send(ANSWER));
  },

  rest() {
    const key = String(Date.now());
    session.note(`pause-${key}`, "pause");
    show(title(), make("p", {}, words.keep_link), linkField(),
      button(words.resume, () => {
        session.note(`resume-${key}`, "resume");
        proceed(null);
      }, { class: "main", id: "resume" }));
  },

  withdraw(leave = () => {}) {
    const dialog = make("dialog", { "aria-labelledby": "sure" },
      make("p", { id: "sure" }, words.withdraw_sure),
      make("div", { class: "quiet-row" },
        button(words.resume, () => dialog.close()),
        button(words.withdraw, async () => {
          dialog.close();
          leave();
          outbox.clear();
          proceed(await ask("listening_withdraw"));
        }, { class: "danger", id: "withdraw-sure" })));
    dialog.addEventListener("close", () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
  },
};

function identified(content = {}) {
  return { study: study.name, token, ...content };
}

function ask(path, content) {
  return insist(path, identified(content), lost);
}

// The secret of the personal link stands behind "#", which browsers send to nobody.
function personalToken() {
  if (study.closed || study.studies) return "";
  const given = location.hash.slice(1);
  const kept = /^[\w-]{22,128}$/.test(given) ? given : localStorage.getItem(stored);
  const own = kept || btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(24))))
    .replaceAll("+", "-").replaceAll("/", "_");
  localStorage.setItem(stored, own);
  history.replaceState(null, "", `${location.search}#${own}`);
  return own;
}

function linkField() {
  return make("input", { class: "link", readonly: true, value: location.href,
    "aria-label": words.keep_link, onfocus: (event) => event.target.select() });
}

function title() {
  return make("h1", {}, study.title);
}

// Goes to where the rater stands; asks the server when no view is at hand.
async function proceed(view) {
  try {
    const now = view || await ask("listening_view");
    if (now.state === "withdrawn") {
      return show(title(), make("p", {}, words.withdrawn), wayBack(now.return_url), toList());
    }
    if (now.state === "finished") return finished(now);
    if (!localStorage.getItem(`${stored}:${token}:level`)) return levelCheck(now);
    if (now.headphones.length && !localStorage.getItem(`${stored}:${token}:headphones`)) {
      return headphones(now);
    }
    const { trial } = now;
    const heading = trial.training ? words.training : trainedHere ? words.main : "";
    return showTrial(session, trial, heading);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return error.about === "link" ? consent() : show(title(), make("p", {}, error.message));
  }
}

function consent() {
  const agree = button(words.consent_button, async () => {
    agree.disabled = true;
    try {
      proceed(await ask("listening_start", { consent: true, participant: participant() }));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      show(title(), make("p", {}, error.message));
    }
  }, { class: "main", id: "consent" });
  show(make("p", { class: "kicker" }, words.welcome), title(),
    ...study.consent.split(/\n+/).map((text) => make("p", { class: "consent" }, text)), agree);
}

function levelCheck(view) {
  const player = new Player([session.clip(study.level_clip)], LEVEL_LONGEST);
  const done = button(words.level_done, () => {
    player.pause();
    session.note(`level-${Date.now()}`, "level_check", { heard: player.heard[0] });
    localStorage.setItem(`${stored}:${token}:level`, "1");
    proceed(view);
  }, { class: "main", id: "level-done", disabled: true });
  player.load().then(([buffer]) => {
    player.seconds = buffer.duration;
  }).catch(unloaded);
  player.addEventListener("change", () => {
    const heard = player.heard[0] * player.bins * 0.1;
    if (heard >= Math.min(LEVEL_SECONDS, 0.8 * player.seconds)) done.disabled = false;
  });
  show(make("p", { class: "kicker" }, words.welcome), title(),
    make("section", { class: "caption" }, make("p", {}, words.keep_link), linkField()),
    make("p", { class: "lead" }, words.headphones), make("p", {}, words.level_check),
    listenPanel(words, player, 0, unloaded).panel, done);
}

async function headphones(view) {
  const answers = await headphoneTest(session, view.headphones);
  session.note("headphones", "headphones", { answers });
  localStorage.setItem(`${stored}:${token}:headphones`, "1");
  proceed(view);
}

// What the platform that sent the rater calls person, study and session.
function participant() {
  const given = (...names) => names.map((name) => query.get(name)).find(Boolean) || "";
  const ids = {
    participant: given("PROLIFIC_PID", "workerId"),
    study: given("STUDY_ID", "hitId"),
    session: given("SESSION_ID", "assignmentId"),
  };
  return ids.participant ? ids : null;
}

function wayBack(url) {
  return url ? make("p", {}, make("a", { class: "button", id: "return", href: url },
    words.return_to_platform)) : null;
}

function toList() {
  if (!study.is_public) return null;
  return make("p", {}, make("a", { href: "rate", id: "all-studies" }, "All listening tests"));
}

async function finished(view) {
  const table = study.is_public ? make("section", { id: "results" }) : null;
  show(title(), make("p", {}, words.finished),
    make("output", { class: "code", id: "code" }, view.completion_code),
    wayBack(view.return_url), table, toList(),
    make("div", { class: "quiet-row" },
      button(words.withdraw, () => session.withdraw(), { class: "quiet" })));
  if (view.return_url && view.stored) setTimeout(() => location.assign(view.return_url), RETURN_WAIT);
  if (table) table.append(await publicTable(study.name));
}

document.documentElement.lang = words.lang || "en";
if (study.studies) listStudies(study.studies);
else if (study.closed) show(make("h1", {}, study.closed));
else outbox.send(ANSWER).then(() => proceed(null));
