// Two to four pieces at equal loudness: switching keeps the position; blind if wanted.

import { Player } from "../../rate/web/player.js";
import { ask, attempt, button, byId, clock, make } from "./dom.js";
import { claimSound } from "./player.js";

const MOST = 4;
const LEAST_HEARD = 0.5; // share of each piece, before a vote
const CHOICES = [["first", "A is better"], ["tie", "Tie"], ["second", "B is better"], ["both_bad", "Both are bad"]];
const holder = byId("compare");
let chosen = [];
let records = [];
let stage = null; // {engine, draw, shown}
const choices = make("div", { class: "choices", role: "group", "aria-label": "Pieces to compare" });
const blind = make("input", { type: "checkbox", id: "compare-blind" });
const go = button("primary", "Compare", attempt(start), { id: "compare-go", disabled: true });
const message = make("p", { class: "hint", role: "status" });
const view = make("div", { id: "compare-stage", hidden: true });
const votes = make("section", { id: "compare-votes", hidden: true });
holder.append(choices, make("div", { class: "tools" }, go, make("label", { class: "check" }, blind, " Blind: hide which is which")), message, view, votes);
showVotes();

document.addEventListener("studio-library", ({ detail }) => {
  records = detail;
  chosen = chosen.filter((id) => records.some((record) => record.id === id));
  choices.hidden = records.length === 0;
  choices.replaceChildren(...records.map(({ id, title, about, request }) => make("label", { class: "check" },
    make("input", { type: "checkbox", value: id, checked: chosen.includes(id), onchange: ({ target }) => choose(id, target) }),
    ` ${title} · ${clock(about.seconds)} · seed ${request.seed}`)));
  say();
});

function say() {
  go.disabled = chosen.length < 2;
  message.textContent = records.length < 2 ? "Make at least two pieces first; then choose two to four of them here."
    : chosen.length < 2 ? "Choose two to four pieces." : "";
}

function choose(id, box) {
  if (!box.checked) chosen = chosen.filter((each) => each !== id);
  else if (chosen.length < MOST) chosen.push(id);
  else box.checked = false;
  say();
  if (chosen.length === MOST) message.textContent = "Four at most.";
}

async function start() {
  stage?.engine.pause();
  message.textContent = "Measuring loudness…";
  const { tracks, differing } = await ask(`studio/compare?ids=${chosen.join(",")}`).finally(say);
  const order = tracks.map((_, i) => i);
  if (blind.checked) shuffle(order);
  const shown = order.map((i) => tracks[i]); // A, B, C, D
  const engine = new Player(shown.map(({ id }) => `studio/results/${id}/play.mp3`), Math.max(...shown.map(({ seconds }) => seconds)),
    shown.map(({ gain_db: gain }) => 10 ** (gain / 20)));
  stage = { engine, shown, differing: differing.map(({ setting, values }) => ({ setting, values: order.map((i) => values[i]) })), hidden: blind.checked };
  await engine.load();
  draw();
  engine.addEventListener("change", mark);
  view.hidden = false;
}

function shuffle(order) {
  for (let i = order.length - 1; i > 0; i -= 1) {
    const j = crypto.getRandomValues(new Uint32Array(1))[0] % (i + 1);
    [order[i], order[j]] = [order[j], order[i]];
  }
}

function draw() {
  const { engine, shown, hidden } = stage;
  const letters = shown.map((_, i) => button("compare-switch", "ABCD"[i], () => engine.choose(i)));
  view.replaceChildren(
    make("div", { class: "tools" }, button("quiet compare-play", "Play", toggle), make("div", { class: "pills" }, ...letters), make("span", { class: "compare-time" }),
      hidden ? button("quiet compare-reveal", "Reveal", () => { stage.hidden = false; draw(); }) : null),
    make("input", { type: "range", class: "compare-position", min: "0", max: String(engine.seconds), step: "0.01", value: "0", "aria-label": "Position",
      oninput: ({ target }) => engine.seek(Number(target.value)) }),
    hidden && shown.length === 2 ? voting() : "",
    make("p", { class: "hint" }, "All pieces are brought down to the loudness of the softest. Keys: space plays, 1 to 4 switch."),
    ...shown.map((track, i) => make("section", { class: "compare-track", "aria-label": `Piece ${"ABCD"[i]}` },
      make("h3", {}, hidden ? "ABCD"[i] : `${"ABCD"[i]} · ${track.title}`),
      make("p", { class: "facts" }, hidden ? "Gain, spectrum and settings are shown after Reveal." : `${track.lufs} LUFS, played at ${track.gain_db.toFixed(1)} dB`),
      hidden ? null : make("div", { class: "spectrum" }, make("img", { src: `studio/results/${track.id}/spectrogram.png?seconds=${engine.seconds}`,
        alt: `Spectrogram of piece ${"ABCD"[i]}, 40 Hz to 24 kHz` }), make("div", { class: "spectrum-now" })))),
    hidden ? "" : settings());
  mark();
}

// With two pieces a blind vote can be kept: only before it is revealed which is which.
function voting() {
  return make("fieldset", { class: "compare-vote", disabled: true }, make("legend", {}, "Which is better?"),
    make("div", { class: "pills" }, ...CHOICES.map(([choice, text]) => button("", text, attempt(() => vote(choice))))),
    make("p", { class: "hint" }, "Hear at least half of each to vote. The vote is kept for you alone, then both are revealed."));
}

async function vote(choice) {
  const { engine, shown: [first, second] } = stage;
  const counted = await ask("studio/votes", "POST", { first: first.id, second: second.id, choice, heard: engine.heard });
  stage.hidden = false;
  draw();
  drawVotes(counted);
}

async function showVotes() {
  drawVotes(await ask("studio/votes").catch(() => ({ votes: 0 })));
}

function drawVotes({ votes: count, rows, note }) {
  votes.hidden = count === 0;
  if (!count) return;
  const line = ({ system, wins, ties, losses, both_bad: bad }) => make("tr", {}, make("th", { scope: "row" }, system),
    ...[wins, ties, losses, bad].map((n) => make("td", {}, String(n))));
  votes.replaceChildren(make("h3", {}, `Your blind votes: ${count}`),
    rows.length ? make("div", { class: "scroll" }, make("table", {},
      make("thead", {}, make("tr", {}, ...["System", "Wins", "Ties", "Losses", "Both bad"].map((name) => make("th", { scope: "col" }, name)))),
      make("tbody", {}, ...rows.map(line)))) : "",
    make("p", { class: "hint" }, note),
    make("div", { class: "tools" }, make("a", { href: "studio/votes.csv", download: "my-votes.csv" }, "Download votes (CSV)"),
      button("quiet", "Delete my votes", attempt(async () => { await ask("studio/votes", "DELETE"); drawVotes({ votes: 0 }); }))));
}

function settings() {
  const { differing, shown } = stage;
  if (!differing.length) return make("p", {}, "All settings are the same.");
  return make("div", { class: "scroll" }, make("table", {}, make("caption", {}, "Settings that differ"),
    make("thead", {}, make("tr", {}, make("td", {}), ...shown.map((_, i) => make("th", { scope: "col" }, "ABCD"[i])))),
    make("tbody", {}, ...differing.map(({ setting, values }) => make("tr", {}, make("th", { scope: "row" }, setting), ...values.map((value) => make("td", {}, value)))))));
}

function toggle() {
  if (!stage.engine.wanted) claimSound(stage.engine);
  attempt(() => stage.engine.toggle())();
}

function mark() {
  const { engine } = stage;
  const ballot = view.querySelector(".compare-vote");
  if (ballot) ballot.disabled = engine.heard.some((share) => share < LEAST_HEARD);
  view.querySelector(".compare-play").textContent = engine.wanted ? "Pause" : "Play";
  view.querySelector(".compare-position").value = String(engine.position);
  view.querySelector(".compare-time").textContent = `${clock(engine.position)} / ${clock(engine.seconds)}`;
  view.querySelectorAll(".compare-switch").forEach((each, i) => each.setAttribute("aria-pressed", String(i === engine.current)));
  view.querySelectorAll(".compare-track").forEach((row, i) => row.classList.toggle("heard", i === engine.current));
  for (const line of view.querySelectorAll(".spectrum-now")) line.style.left = `${(100 * engine.position) / engine.seconds}%`;
}

document.addEventListener("studio-sound", ({ detail }) => stage && detail !== stage.engine && stage.engine.pause());
document.addEventListener("keydown", (event) => {
  if (view.hidden || byId("panel-compare").hidden || event.target.closest("input:not([type=range]), select, textarea")) return;
  const number = Number(event.key);
  if (number >= 1 && number <= stage.shown.length) stage.engine.choose(number - 1);
  else if (event.key === " " && !event.target.closest("button, a")) toggle();
  else return;
  event.preventDefault();
  event.stopImmediatePropagation();
}, { capture: true });
