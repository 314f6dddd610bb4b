// Two to four results at equal loudness: switching keeps the position; blind if wanted.

import { ask, claimSound, clock, make } from "./dom.js";
import { audioContext } from "./live.js";

const MOST = 4;
const SWITCH_SECONDS = 0.012; // long enough not to click, too short to hear

class StudioCompare extends HTMLElement {
  connectedCallback() {
    if (this.choices) return;
    this.chosen = [];
    this.choices = make("div", { class: "compare-choices", role: "group", "aria-label": "Results to compare" });
    this.blind = make("input", { type: "checkbox", class: "native compare-blind" });
    this.go = make("button", { type: "button", class: "quiet-button compare-go", disabled: true, onclick: () => this.start() },
      "Compare");
    this.message = make("p", { class: "card-message", "aria-live": "polite" });
    this.stage = make("div", { class: "compare-stage", hidden: true });
    this.append(this.choices,
      make("div", { class: "card-actions" }, this.go, make("label", { class: "check-label" }, this.blind, "Blind: hide which is which")),
      this.message, this.stage);
    document.addEventListener("studio-results", () => this.load());
    document.addEventListener("studio-sound", (event) => event.detail !== this && this.pause());
    this.addEventListener("keydown", (event) => this.key(event));
    this.load();
  }

  async load() {
    const turn = this.turn = (this.turn || 0) + 1;
    const records = await ask("/studio/results").catch(() => []);
    if (turn !== this.turn) return; // a younger answer is on its way
    this.chosen = this.chosen.filter((id) => records.some((record) => record.id === id));
    this.choices.replaceChildren(...records.map((record) => make("label", { class: "check-label compare-choice" },
      make("input", { type: "checkbox", class: "native", value: record.id, checked: this.chosen.includes(record.id),
        onchange: (event) => this.choose(record.id, event.target) }),
      `${record.title} · ${clock(record.about.seconds)} · seed ${record.request.seed}`)));
    this.tell(records.length);
  }

  tell(count) {
    this.go.disabled = this.chosen.length < 2;
    if (count !== undefined) this.count = count;
    this.message.textContent = this.count < 2 ? "Make at least two pieces first; then choose two to four of them here."
      : this.chosen.length < 2 ? "Choose two to four pieces." : "";
  }

  choose(id, box) {
    if (!box.checked) this.chosen = this.chosen.filter((each) => each !== id);
    else if (this.chosen.length < MOST) this.chosen.push(id);
    else {
      box.checked = false;
      this.message.textContent = "Four at most: untick one first.";
      return;
    }
    this.tell();
  }

  async start() {
    this.pause();
    this.go.disabled = true;
    this.message.textContent = "Measuring loudness…";
    try {
      const { tracks, differing } = await ask(`/studio/compare?ids=${this.chosen.join(",")}`);
      await this.open(tracks, differing);
      this.message.textContent = "";
    } catch (error) {
      this.message.textContent = error.message;
    }
    this.go.disabled = this.chosen.length < 2;
  }

  async open(tracks, differing) {
    this.context = audioContext();
    this.order = tracks.map((_, i) => i);
    if (this.blind.checked) this.shuffle();
    this.tracks = this.order.map((i) => tracks[i]); // as shown: A, B, C, D
    this.differing = differing.map(({ setting, values }) => ({ setting, values: this.order.map((i) => values[i]) }));
    this.buffers = await Promise.all(this.tracks.map(async ({ id }) => {
      const answer = await fetch(`/studio/results/${id}/sound.wav`);
      return this.context.decodeAudioData(await answer.arrayBuffer());
    }));
    this.seconds = Math.max(...this.buffers.map((buffer) => buffer.duration));
    this.at = 0;
    this.now = 0;
    this.blindNow = this.blind.checked;
    this.draw();
  }

  shuffle() {
    for (let i = this.order.length - 1; i > 0; i -= 1) {
      const j = crypto.getRandomValues(new Uint32Array(1))[0] % (i + 1);
      [this.order[i], this.order[j]] = [this.order[j], this.order[i]];
    }
  }

  draw() {
    this.playButton = make("button", { type: "button", class: "quiet-button compare-play", onclick: () => this.toggle() }, "Play");
    this.slider = make("input", { type: "range", class: "compare-position", min: "0", max: String(this.seconds), step: "0.01",
      value: "0", "aria-label": "Position", oninput: () => this.seek(Number(this.slider.value)) });
    this.time = make("span", { class: "compare-time" }, this.timeText());
    this.buttons = this.tracks.map((_, i) => make("button", { type: "button", class: "quiet-button compare-switch",
      onclick: () => this.switchTo(i) }, "ABCD"[i]));
    this.reveal = make("button", { type: "button", class: "quiet-button compare-reveal", hidden: !this.blindNow,
      onclick: () => this.show() }, "Reveal");
    this.rows = make("div", { class: "compare-tracks" });
    this.stage.replaceChildren(
      make("div", { class: "card-actions" }, this.playButton, ...this.buttons, this.time, this.reveal), this.slider,
      make("p", { class: "card-facts" }, "All pieces are brought down to the loudness of the softest. Keys: space plays, 1 to 4 switch."),
      this.rows);
    this.stage.hidden = false;
    this.drawTracks();
    this.mark();
  }

  drawTracks() {
    const hidden = this.blindNow;
    const rows = this.tracks.map((track, i) => make("section", { class: "compare-track", "aria-label": `Piece ${"ABCD"[i]}` },
      make("h3", { class: "card-title" }, hidden ? "ABCD"[i] : `${"ABCD"[i]} · ${track.title}`),
      make("p", { class: "card-facts" }, hidden ? "Gain, spectrum and settings are shown after Reveal."
        : `${track.lufs} LUFS, played at ${track.gain_db.toFixed(1)} dB`),
      hidden ? null : make("div", { class: "spectrum" },
        make("img", { src: `/studio/results/${track.id}/spectrogram.png?seconds=${this.seconds}`,
          alt: `Spectrogram of piece ${"ABCD"[i]}, 40 Hz to 24 kHz` }), make("div", { class: "spectrum-now" }))));
    this.rows.replaceChildren(...rows);
    if (!hidden) this.rows.append(this.settings());
  }

  settings() {
    if (!this.differing.length) return make("p", {}, "All settings are the same.");
    return make("div", { class: "table-scroll" }, make("table", { class: "compare-settings" },
      make("caption", {}, "Settings that differ"),
      make("thead", {}, make("tr", {}, make("th", {}), ...this.tracks.map((_, i) => make("th", { scope: "col" }, "ABCD"[i])))),
      make("tbody", {}, ...this.differing.map(({ setting, values }) => make("tr", {}, make("th", { scope: "row" }, setting),
        ...values.map((value) => make("td", {}, make("mark", {}, value))))))));
  }

  show() {
    this.blindNow = false;
    this.reveal.hidden = true;
    this.drawTracks();
  }

  get position() {
    if (!this.playing) return this.at;
    return Math.min(this.seconds, this.at + this.context.currentTime - this.begun);
  }

  get sounds() {
    return Boolean(this.playing);
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  // All pieces run together; only the chosen one is heard, so switching loses nothing.
  play() {
    claimSound(this);
    this.context = audioContext();
    if (this.at >= this.seconds - 0.02) this.at = 0;
    this.begun = this.context.currentTime + 0.03;
    this.sources = this.buffers.map((buffer, i) => {
      const gain = this.context.createGain();
      gain.gain.value = this.loud(i);
      gain.connect(this.context.destination);
      const source = this.context.createBufferSource();
      source.buffer = buffer;
      source.connect(gain);
      if (this.at < buffer.duration) source.start(this.begun, this.at);
      return { source, gain };
    });
    this.playing = true;
    this.playButton.textContent = "Pause";
    this.tick();
  }

  loud(i) {
    return i === this.now ? 10 ** (this.tracks[i].gain_db / 20) : 0;
  }

  pause() {
    if (!this.playing) return;
    this.at = Math.max(0, this.position);
    this.playing = false;
    for (const { source, gain } of this.sources) {
      try { source.stop(); } catch { /* a piece shorter than the position was never started */ }
      gain.disconnect();
    }
    this.playButton.textContent = "Play";
    this.mark();
  }

  seek(seconds) {
    const was = this.playing;
    this.pause();
    this.at = seconds;
    if (was) this.play();
    this.mark();
  }

  switchTo(i) {
    if (i >= this.tracks.length) return;
    this.now = i;
    if (this.playing) {
      this.sources.forEach(({ gain }, each) => gain.gain.setTargetAtTime(this.loud(each), this.context.currentTime, SWITCH_SECONDS / 3));
    }
    this.mark();
  }

  key(event) {
    if (this.stage.hidden || event.target.matches("input[type=checkbox], .compare-choices *")) return;
    if (event.key >= "1" && event.key <= "4") this.switchTo(Number(event.key) - 1);
    else if (event.key === " " && !event.target.matches("button")) this.toggle();
    else return;
    event.preventDefault();
  }

  timeText() {
    return `${clock(this.position)} of ${clock(this.seconds)}`;
  }

  mark() {
    const position = Math.max(0, this.position);
    this.slider.value = String(position);
    this.time.textContent = this.timeText();
    this.buttons.forEach((button, i) => button.setAttribute("aria-pressed", String(i === this.now)));
    [...this.rows.querySelectorAll(".compare-track")].forEach((row, i) => row.classList.toggle("compare-heard", i === this.now));
    for (const line of this.rows.querySelectorAll(".spectrum-now")) line.style.left = `${100 * position / this.seconds}%`;
  }

  tick() {
    if (!this.playing) return;
    if (this.position >= this.seconds) {
      this.pause();
      return;
    }
    this.mark();
    requestAnimationFrame(() => this.tick());
  }
}

customElements.define("studio-compare", StudioCompare);
