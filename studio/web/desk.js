// The jobs on their way and, below them, the newest pieces of the library.

import { ask, attempt, button, byId, make, memory, tell, toast } from "./dom.js";
import { JobCard } from "./job.js";
import { grouped, playable, showPieces } from "./pieces.js";
import { player, somethingSounds } from "./player.js";

const BUSY_MS = 400;
const QUIET_MS = 3000; // another window may start a job
const SHOWN = 5;
const holder = byId("create-desk");
const jobs = make("div", { class: "jobs" });
const pieces = make("div", { class: "pieces" });
const more = make("p", { class: "hint" }, make("a", { href: "?tab=library" }, "All pieces are in the Library"));
const empty = make("div", { class: "first-run" });
const spoken = make("p", { class: "unseen", role: "status" });
const cards = new Map(); // job id -> JobCard
const here = new Map(); // job id -> {replay, first, done}: what was started in this window
const dismissed = new Set(memory.get("dismissed") || []);
const repeated = new Set(); // results that a replay made again and that are not kept
let known = ""; // which jobs had ended at the last look
let first = true;
let timer = 0;
holder.append(jobs, pieces, more, empty, spoken);

const active = (job) => job.state === "waiting" || job.state === "running";

async function look() {
  clearTimeout(timer);
  let busy = false;
  try {
    const all = await ask("studio/jobs");
    document.body.classList.remove("lost");
    busy = all.some(active);
    byId("cancel-all").hidden = all.filter(active).length < 2;
    const ended = all.filter((job) => !active(job)).map(({ id }) => id).join();
    const fresh = ended !== known;
    known = ended;
    await showJobs(all);
    if (fresh || first) await load(all);
    first = false;
  } catch {
    document.body.classList.add("lost");
  }
  timer = setTimeout(look, busy || document.body.classList.contains("lost") ? BUSY_MS : document.hidden ? 4 * QUIET_MS : QUIET_MS);
}

async function showJobs(all) {
  for (const job of all) {
    const failed = job.state === "failed" && !dismissed.has(job.id);
    const mine = here.get(job.id);
    const fast = mine && !mine.done && job.state === "done"; // made before it was looked at
    if (!cards.has(job.id) && (active(job) || failed || fast)) {
      const card = new JobCard(job, Boolean(mine?.first), () => dismiss(job.id));
      cards.set(job.id, card);
      jobs.append(card.node);
    }
    const card = cards.get(job.id);
    if (!card) continue;
    await card.update(job);
    say(card, job);
    if (job.state === "cancelled") drop(job.id);
  }
  for (const [id, card] of cards) {
    if (!all.some((job) => job.id === id)) await card.update({ ...card.job, state: "failed", error: { text: "The studio was restarted and this job was lost; generate it again" } });
  }
}

function say(card, job) {
  const news = card.news(job);
  if (card.told === news) return;
  card.told = news;
  spoken.textContent = `${job.prompt || "Continued music"}: ${news}`;
}

function drop(id) {
  cards.get(id)?.node.remove();
  cards.delete(id);
}

function dismiss(id) {
  dismissed.add(id);
  memory.set("dismissed", [...dismissed].slice(-50));
  drop(id);
}

// The library has changed: shows it here, and tells the other tabs.
async function load(all = null) {
  const records = await ask("studio/results");
  for (const job of all || []) {
    if (job.state === "done" && cards.has(job.id)) await finish(job, records.find(({ id }) => id === job.id));
  }
  show(records.filter(({ id }) => !repeated.has(id)));
}

function show(records) {
  const groups = grouped(records);
  showPieces(pieces, groups.slice(0, SHOWN));
  more.hidden = groups.length <= SHOWN;
  empty.hidden = records.length > 0;
  tell("studio-library", records);
}

async function finish(job, record) {
  const card = cards.get(job.id);
  const mine = here.get(job.id) || {};
  mine.done = true;
  const replayed = mine.replay;
  const focused = card.node.contains(document.activeElement);
  drop(job.id);
  if (!record) return;
  if (replayed && replayed.about.sha256 === record.about.sha256) {
    repeated.add(record.id);
    await ask(`studio/results/${record.id}`, "DELETE");
    toast(`Identical to “${replayed.title}”, sample for sample.`);
    return;
  }
  if (replayed) toast("Differs from the original: the model has changed since.");
  player.finished(playable(record));
  const quiet = !card.polite || !somethingSounds();
  if (card.wanted && quiet) player.play(playable(record), card.from);
  if (focused) requestAnimationFrame(() => pieces.querySelector(".piece-play")?.focus());
}

document.addEventListener("studio-jobs", ({ detail }) => {
  detail.ids.forEach((id, i) => here.set(id, { replay: detail.replay, first: i === 0 && !detail.replay }));
  player.await(detail.began);
  look().then(() => innerWidth < 760 && jobs.firstElementChild?.scrollIntoView({ block: "center" }));
});
document.addEventListener("studio-changed", attempt(() => load()));
document.addEventListener("visibilitychange", () => !document.hidden && look());
byId("cancel-all").addEventListener("click", attempt(async () => {
  const waiting = [...cards.values()].filter(({ job }) => active(job));
  for (const card of waiting.reverse()) await ask(`studio/jobs/${card.id}/cancel`, "POST").catch(() => {});
  look();
}));

// Before there is a piece of one's own: what the shipped model made.
const { examples } = JSON.parse(byId("studio-config").textContent);
empty.append(make("p", { class: "hint" }, "Your music will appear here. Until then, listen to what the shipped model makes:"),
  make("ul", { class: "examples" }, ...examples.map(({ file, prompt, seconds }) => make("li", {},
    button("quiet example-play", "Play", () => player.toggle({ id: file, title: prompt, url: `studio/examples/${file}`, peaks: [0.5], seconds }), { "aria-label": `Play: ${prompt}` }),
    button("example-fill", prompt, () => tell("studio-example", prompt), { title: "Use this prompt" })))));
empty.hidden = true;
look();
