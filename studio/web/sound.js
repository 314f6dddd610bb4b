// The sound to go on from: a file, a recording or a piece; and which part of it is used.

import { ask, attempt, button, byId, clock, make, tell, toSeconds } from "./dom.js";
import { player, Waveform } from "./player.js";
import { Record, WaveSurfer } from "./vendor/wavesurfer.js";

const holder = byId("create-sound");
let given = null; // {upload, seconds, peaks, title}
let turn = 0; // counts what was asked for: only the youngest answer is shown
let from;
let to;
let only;
let mark = () => {};

const file = make("input", { type: "file", id: "create-file", accept: "audio/*,.wav,.flac,.mp3,.ogg,.m4a,.webm", "aria-label": "Sound file",
  onchange: () => {
    const [chosen] = file.files;
    file.value = ""; // so that the same name can be given again
    if (chosen) send(chosen, chosen.name);
  } });
const record = button("quiet", "Record", attempt(toggleRecording), { id: "create-record" });
const pick = make("select", { id: "create-pick", "aria-label": "One of your pieces",
  onchange: attempt(async () => pick.value && sound.takeResult(pick.value, pick.selectedOptions[0].text)) });
const note = make("p", { class: "hint", role: "status" });
const region = make("div", { class: "region", hidden: true });
holder.append(make("div", { class: "tools" }, file, record, pick), note, region);
holder.addEventListener("dragover", (event) => event.preventDefault());
holder.addEventListener("drop", (event) => {
  event.preventDefault();
  const dropped = event.dataTransfer.files[0];
  if (dropped) send(dropped, dropped.name);
});
document.addEventListener("studio-library", ({ detail }) => {
  pick.replaceChildren(make("option", { value: "" }, "From your Library…"), ...detail.map(({ id, title }) => make("option", { value: id }, title)));
  pick.hidden = !detail.length;
});

function fail(text) {
  const line = byId("create-error-audio");
  line.textContent = text;
  line.hidden = false;
  note.textContent = "";
}

// Shows what `read` answers, unless something else has been asked for meanwhile.
async function take(text, read) {
  const now = turn += 1;
  given = null;
  region.hidden = true;
  byId("create-error-audio").hidden = true;
  note.textContent = text;
  try {
    const [found, title, part] = await read();
    if (now === turn) show({ ...found, title }, part);
  } catch (error) {
    if (now === turn) fail(error.message);
  }
}

function send(blob, title) {
  const most = Number(holder.dataset.megabytes);
  return take(`Reading ${title}…`, async () => {
    if (blob.size > most * 1e6) {
      throw new Error(`${title} is ${Math.round(blob.size / 1e6)} MB; at most ${most} MB can be given: cut it, or give it as MP3 or FLAC`);
    }
    return [await ask("studio/uploads", "POST", blob), title];
  });
}

let recording = null;

async function toggleRecording() {
  if (recording) {
    recording.stopRecording();
    return;
  }
  const box = make("div", { class: "wave" });
  region.before(box);
  const surfer = WaveSurfer.create({ container: box, height: 48, waveColor: "#0f766e" });
  const stop = () => {
    surfer.destroy();
    box.remove();
    recording = null;
    record.textContent = "Record";
  };
  recording = surfer.registerPlugin(Record.create({ renderRecordedAudio: false }));
  recording.on("record-end", (blob) => {
    stop();
    send(blob, "Your recording");
  });
  try {
    await recording.startRecording();
    record.textContent = "Stop recording";
  } catch (error) {
    stop();
    fail(`The microphone cannot be used: ${error.message}`);
  }
}

function show(found, part = {}) {
  given = found;
  note.textContent = `${found.title}, ${clock(found.seconds)}. Drag on the waveform, or type, to choose the part to go on from.`;
  const time = (id, label, value) => make("input", { type: "text", id, size: "6", inputmode: "decimal", value, "aria-label": label, onchange: settle });
  from = time("create-from", "From", String(part.from ?? 0));
  to = time("create-to", "To", String(part.to ?? Math.floor(found.seconds * 100) / 100));
  only = make("input", { type: "checkbox", id: "create-only-new", checked: Boolean(part.only_new), onchange: changed });
  const piece = { id: found.upload, title: found.title, url: `studio/uploads/${found.upload}`, peaks: found.peaks.map((p) => p / 100), seconds: found.seconds };
  const wave = new Waveform(piece, [], 0, 72);
  const hear = button("quiet", "Play this part", () => player.play(piece, toSeconds(from.value), toSeconds(to.value)), { class: "quiet region-play" });
  region.replaceChildren(wave.node, make("div", { class: "tools" }, make("label", {}, "From ", from), make("label", {}, "to ", to), " s", hear),
    make("label", { class: "check" }, only, " Leave the given sound out of the result"));
  region.hidden = false;
  mark = wave.choose((start, end) => {
    from.value = start.toFixed(1);
    to.value = end.toFixed(1);
    changed();
  });
  settle();
}

const LEAST_SECONDS = 1;

// Keeps both ends inside the sound and at least LEAST_SECONDS apart.
function settle() {
  const all = given.seconds;
  const number = (field, fallback) => (Number.isFinite(toSeconds(field.value)) ? toSeconds(field.value) : fallback);
  const start = Math.min(Math.max(0, number(from, 0)), Math.max(0, all - LEAST_SECONDS));
  const end = Math.min(all, Math.max(number(to, all), start + LEAST_SECONDS));
  from.value = String(Math.round(start * 100) / 100);
  to.value = String(Math.floor(end * 100) / 100);
  mark(start, end);
  changed();
}

const changed = () => tell("studio-sound-chosen");

export const sound = {
  // What the form sends.
  get value() {
    return given ? { upload: given.upload, from: from.value, to: to.value, only_new: only.checked ? "yes" : "no" } : {};
  },
  get kept() {
    return given ? { ...this.value, only_new: only.checked, title: given.title } : null;
  },
  // The sound and the part of it that an earlier request used.
  takePart: (part) => take("Reading the sound used before…", async () =>
    [await ask(`studio/uploads/${part.upload}/about`), part.title || "The sound used before", part]),
  takeResult: (id, title) => take("Reading your piece…", async () => [await ask(`studio/results/${id}/as-prompt`, "POST"), title]),
};
