// The sound to continue: a file, a recording, or a result; and which part of it is used.

import { ask, claimSound, clock, make } from "./dom.js";
import { record } from "./recorder.js";
import { shape } from "./shape.js";

const LEAST_SECONDS = 1;

class StudioPromptAudio extends HTMLElement {
  connectedCallback() {
    if (this.error) return;
    this.given = null; // {upload, seconds, peaks}
    this.turn = 0; // counts what was asked for: only the youngest answer is shown
    this.file = make("input", { type: "file", id: "continue-file", accept: "audio/*,.wav,.flac,.mp3,.ogg",
      onchange: () => this.file.files[0] && this.send(this.file.files[0], this.file.files[0].name) });
    this.recording = make("button", { type: "button", class: "quiet-button continue-record",
      onclick: () => this.toggleRecording() }, "Record");
    this.error = make("p", { class: "field-error", role: "alert", id: "continue-error-audio", hidden: true });
    this.note = make("p", { class: "card-message", "aria-live": "polite" }, "Or press “Continue this” on any of your results.");
    this.region = make("div", { class: "region", hidden: true });
    this.append(
      make("label", { class: "file-label", for: "continue-file" }, "Sound to continue (WAV, FLAC, MP3 or OGG)"),
      make("div", { class: "card-actions" }, this.file, this.recording), this.error, this.note, this.region);
    document.addEventListener("studio-sound", (event) => event.detail !== this && this.player && this.hush());
    this.addEventListener("dragover", (event) => event.preventDefault());
    this.addEventListener("drop", (event) => {
      event.preventDefault();
      const file = event.dataTransfer.files[0];
      if (file) this.send(file, file.name);
    });
  }

  // What the form sends: JSON, or "" while nothing is chosen.
  get value() {
    if (!this.given) return "";
    return JSON.stringify({ upload: this.given.upload, start: Number(this.from.value), end: Number(this.to.value) });
  }

  fail(text) {
    this.forget();
    this.error.textContent = text;
    this.error.hidden = false;
    this.note.textContent = "";
  }

  forget() {
    if (this.player) this.hush();
    this.given = null;
    this.region.hidden = true;
  }

  // Shows what `read` answers, unless something else has been asked for meanwhile.
  async take(note, read) {
    const turn = this.turn += 1;
    this.forget();
    this.error.hidden = true;
    this.note.textContent = note;
    try {
      const show = await read();
      if (turn === this.turn) show();
    } catch (error) {
      if (turn === this.turn) this.fail(error.message);
    }
  }

  async send(blob, name) {
    const most = Number(this.dataset.megabytes);
    await this.take(`Reading ${name}…`, async () => {
      if (blob.size > most * 1e6) {
        throw new Error(`${name} is ${Math.round(blob.size / 1e6)} MB; at most ${most} MB can be given: cut it, or give it as MP3 or FLAC`);
      }
      const answer = await fetch("/studio/uploads", { method: "POST", body: blob, headers: { "X-Studio": "1" } });
      const content = await answer.json();
      if (!answer.ok) throw new Error(content.error?.text || content.detail);
      return () => this.show(content, name);
    });
  }

  async takeResult(id) {
    await this.take("Reading your piece…", async () => {
      const { title } = await ask(`/studio/results/${id}`);
      const given = await ask(`/studio/results/${id}/as-prompt`, "POST");
      return () => this.show(given, title);
    });
  }

  // The sound and the part of it that an earlier request used.
  async takePart({ path, start, end }) {
    await this.take("Reading the sound used before…", async () => {
      const given = await ask(`/studio/uploads/${path}/about`);
      return () => {
        this.show(given, "The sound used before");
        this.from.value = start;
        if (end !== null) this.to.value = end;
        this.settle();
      };
    });
  }

  async toggleRecording() {
    if (this.taking) {
      this.taking.stop();
      return;
    }
    try {
      this.taking = await record();
      this.recording.textContent = "Stop recording";
      const blob = await this.taking.sound;
      await this.send(blob, "your recording");
    } catch (error) {
      this.fail(`The microphone cannot be used: ${error.message}`);
    } finally {
      this.taking = null;
      this.recording.textContent = "Record";
    }
  }

  get sounds() {
    return Boolean(this.player && !this.player.paused);
  }

  show(given, name) {
    this.given = given;
    this.note.textContent = `${name}, ${clock(given.seconds)}. Drag over the picture, or type, to choose the part.`;
    const number = (id, label, value) => make("input", { type: "number", id, min: "0", max: String(given.seconds),
      step: "0.1", value: value.toFixed(1), "aria-label": label, onchange: () => this.settle() });
    this.from = number("continue-from", "From second", 0);
    this.to = number("continue-to", "To second", Math.floor(given.seconds * 10) / 10);
    this.wave = shape(given.peaks);
    this.choice = make("div", { class: "region-choice" });
    this.stage = make("div", { class: "region-stage" }, this.wave.node, this.choice);
    this.player = make("audio", { preload: "none", src: `/studio/uploads/${given.upload}`, ontimeupdate: () => this.follow() });
    this.hear = make("button", { type: "button", class: "quiet-button region-play", onclick: () => this.play() }, "Hear this part");
    this.region.replaceChildren(this.stage, make("div", { class: "region-fields" },
      make("label", {}, "From ", this.from, " s"), make("label", {}, "to ", this.to, " s"), this.hear), this.player);
    this.region.hidden = false;
    this.drag();
    this.settle();
  }

  drag() {
    const at = (event) => {
      const box = this.stage.getBoundingClientRect();
      return this.given.seconds * Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    };
    let first = null;
    this.stage.addEventListener("pointerdown", (event) => {
      first = at(event);
      this.stage.setPointerCapture(event.pointerId);
    });
    this.stage.addEventListener("pointermove", (event) => {
      if (first === null) return;
      const [low, high] = [first, at(event)].sort((a, b) => a - b);
      if (high - low < 0.05) return;
      this.from.value = low.toFixed(1);
      this.to.value = high.toFixed(1);
      this.paint();
    });
    this.stage.addEventListener("pointerup", () => {
      first = null;
      this.settle();
    });
  }

  // Keeps both ends inside the sound and at least LEAST_SECONDS apart.
  settle() {
    if (!this.given) return; // the field was left because another sound is on its way
    const all = this.given.seconds;
    const number = (field, fallback) => (Number.isFinite(field.valueAsNumber) ? field.valueAsNumber : fallback);
    let from = Math.min(Math.max(0, number(this.from, 0)), Math.max(0, all - LEAST_SECONDS));
    const to = Math.min(all, Math.max(number(this.to, all), from + LEAST_SECONDS));
    from = Math.min(from, to - LEAST_SECONDS);
    this.from.value = String(Math.round(from * 100) / 100);
    this.to.value = String(Math.floor(to * 100) / 100);
    this.paint();
  }

  paint() {
    const all = this.given.seconds;
    this.choice.style.left = `${100 * Number(this.from.value) / all}%`;
    this.choice.style.width = `${100 * (Number(this.to.value) - Number(this.from.value)) / all}%`;
  }

  play() {
    if (this.sounds) {
      this.hush();
      return;
    }
    claimSound(this);
    const go = () => {
      if (!this.given) return;
      this.player.currentTime = Number(this.from.value);
      this.player.play();
      this.hear.textContent = "Stop";
    };
    if (this.player.readyState >= 1) go();
    else {
      this.player.addEventListener("loadedmetadata", go, { once: true });
      this.player.load();
    }
  }

  follow() {
    if (!this.given) return;
    this.wave.mark(this.player.currentTime / this.given.seconds);
    if (this.player.currentTime >= Number(this.to.value) || this.player.ended) this.hush();
  }

  hush() {
    this.player.pause();
    this.hear.textContent = "Hear this part";
  }
}

customElements.define("studio-prompt-audio", StudioPromptAudio);
