// The one player of the page, docked at the bottom, and the waveforms that belong to it.

import { byId, clock, icon, make } from "./dom.js";
import { Regions, WaveSurfer } from "./vendor/wavesurfer.js";

const audio = new Audio();
audio.preload = "none";
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const looks = () => ({ waveColor: colour("--wave"), progressColor: colour("--accent"), cursorColor: colour("--ink"),
  barWidth: 3, barGap: 1, barRadius: 2, normalize: true });

// One sound at a time: whoever starts tells the others. Its `sounds` says whether it still does.
let heard = null;

export function claimSound(owner) {
  heard = owner;
  document.dispatchEvent(new CustomEvent("studio-sound", { detail: owner }));
}

export const somethingSounds = () => Boolean(heard?.sounds);

class Player extends EventTarget {
  constructor() {
    super();
    this.piece = null; // {id, title, url, peaks, seconds}
    this.stopAt = Infinity;
    for (const kind of ["play", "pause", "ended", "seeked", "loadedmetadata"]) audio.addEventListener(kind, () => this.changed());
    audio.addEventListener("play", () => this.tick());
    audio.addEventListener("error", () => { byId("player-time").textContent = "cannot be played"; });
    document.addEventListener("studio-sound", (event) => event.detail !== this && audio.pause());
    byId("player-play").addEventListener("click", () => this.toggle(this.piece));
    byId("player-close").addEventListener("click", () => this.close());
  }

  // Notes, for measurements, how long after `began` (performance.now()) the next sound comes.
  await(began) {
    delete document.documentElement.dataset.firstSound;
    audio.addEventListener("playing", () => { document.documentElement.dataset.firstSound = String((performance.now() - began) / 1000); }, { once: true });
  }

  get sounds() {
    return !audio.paused;
  }

  get time() {
    return audio.currentTime;
  }

  plays(piece) {
    return this.piece?.id === piece.id && this.sounds;
  }

  toggle(piece) {
    if (this.plays(piece)) audio.pause();
    else this.play(piece);
  }

  // From `at` seconds (where it was, if that is left out) until `stopAt`.
  play(piece, at = null, stopAt = Infinity) {
    claimSound(this);
    const fresh = this.piece?.id !== piece.id || (this.piece.url !== piece.url && !this.sounds);
    if (fresh) this.load(piece);
    this.stopAt = stopAt;
    const from = at ?? (fresh || audio.ended ? 0 : null);
    const go = () => { if (from !== null) audio.currentTime = from; };
    if (audio.readyState >= 1) go();
    else audio.addEventListener("loadedmetadata", () => this.piece === piece && go(), { once: true });
    audio.play().catch(() => {}); // an error is told by its event, a pause is none
  }

  load(piece) {
    this.piece = piece;
    audio.src = piece.url;
    byId("player").hidden = false;
    byId("player-title").textContent = piece.title;
    this.draw(piece);
    document.body.classList.add("has-player");
  }

  // A piece that was heard while it was made has been finished.
  finished(piece) {
    if (this.piece?.id === piece.id) this.draw(piece);
  }

  draw(piece) {
    this.view?.drop();
    this.view = new Waveform(piece, [], 0, 40);
    byId("player-wave").replaceChildren(this.view.node);
  }

  tick() {
    this.changed();
    if (this.sounds) requestAnimationFrame(() => this.tick());
  }

  // Another version of the same music: keeps the position, and goes on if it plays.
  change(piece) {
    if (!this.piece || this.piece.id === piece.id) return;
    const was = this.sounds;
    const at = Math.min(audio.currentTime, piece.seconds - 0.05);
    if (was) this.play(piece, at);
  }

  close() {
    audio.pause();
    byId("player").hidden = true;
    document.body.classList.remove("has-player");
  }

  changed() {
    if (this.sounds && audio.currentTime >= this.stopAt) {
      this.stopAt = Infinity;
      audio.pause();
    }
    const toggle = byId("player-play");
    if (toggle.dataset.sounds !== String(this.sounds)) {
      toggle.dataset.sounds = String(this.sounds);
      toggle.replaceChildren(icon(this.sounds ? "pause" : "play"));
      toggle.setAttribute("aria-label", this.sounds ? "Pause" : "Play");
    }
    if (this.piece) byId("player-time").textContent = `${clock(audio.currentTime)} / ${clock(this.piece.seconds)}`;
    this.dispatchEvent(new Event("change"));
  }
}

export const player = new Player();

const CHOICE = "rgb(15 118 110 / 22%)";
const SECTION_NAMES = ["intro", "verse", "chorus", "outro"];

// The waveform of a piece with its sections; a click plays from there.
export class Waveform {
  constructor(piece, sections = [], join = 0, height = 56) {
    this.piece = piece;
    this.holder = make("div", { class: "wave" });
    const parts = sections.filter(({ structure }) => SECTION_NAMES.includes(structure)).map(({ structure, start, end }) =>
      make("span", { class: `part part-${structure}`, style: `flex-grow:${end - start}` }, structure));
    const front = join > 0 ? make("span", { class: "part part-given", style: `flex-grow:${join}` }, "given") : null;
    if (front && !parts.length) parts.push(make("span", { class: "part part-new", style: `flex-grow:${piece.seconds - join}` }, "new"));
    this.node = make("div", { class: "waveform" }, this.holder,
      parts.length ? make("div", { class: "parts", "aria-hidden": "true" }, front, ...parts) : null);
    this.height = height;
    this.seen = new IntersectionObserver((entries) => entries.some((e) => e.isIntersecting) && this.draw());
    this.seen.observe(this.holder);
    this.follow = () => this.mark();
    player.addEventListener("change", this.follow);
  }

  draw() {
    this.seen.disconnect();
    if (this.surfer) return;
    this.regions = Regions.create();
    this.surfer = WaveSurfer.create({ container: this.holder, height: this.height, peaks: [this.piece.peaks],
      duration: this.piece.seconds, plugins: [this.regions], ...looks() });
    this.surfer.on("click", (share) => !this.choosing && player.play(this.piece, share * this.piece.seconds));
    this.ready = new Promise((done) => { this.surfer.on("ready", done); });
    this.ready.then(() => this.mark(true));
  }

  mark(anew = false) {
    if (!this.surfer) return;
    if (!this.node.isConnected) {
      this.drop();
      return;
    }
    const now = player.piece?.id === this.piece.id ? player.time : 0;
    if (anew || now !== this.surfer.getCurrentTime()) this.surfer.setTime(now);
  }

  // Lets a region be drawn; `onChange(start, end)` in seconds. Returns what shows one.
  choose(onChange) {
    this.draw();
    this.choosing = true;
    this.regions.enableDragSelection({ color: CHOICE });
    let told = false; // by typing, not by drawing
    const keepOne = (region) => {
      this.regions.getRegions().filter((each) => each !== region).forEach((each) => each.remove());
      if (!told) onChange(Math.max(0, region.start), Math.min(this.piece.seconds, region.end));
    };
    this.regions.on("region-created", keepOne);
    this.regions.on("region-updated", keepOne);
    return async (start, end) => {
      await this.ready;
      told = true;
      this.regions.clearRegions();
      this.regions.addRegion({ start, end, color: CHOICE });
      told = false;
    };
  }

  drop() {
    player.removeEventListener("change", this.follow);
    this.seen.disconnect();
    this.surfer?.destroy();
    this.surfer = null;
  }
}
