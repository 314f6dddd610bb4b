// Plays the clips of one trial with WebAudio. All run at one position; only one is heard, so
// switching between A and B neither jumps nor starts again.

const BIN = 0.1; // seconds: the grain in which is remembered what was heard
const SWITCH = 0.012; // seconds of cross-fade, against a click
const TICK = 80; // milliseconds
const MOST_EVENTS = 200;

let context = null;

function audioContext() {
  if (!context) {
    // iOS: play also when the ringer is off.
    if (navigator.audioSession) navigator.audioSession.type = "playback";
    context = new (window.AudioContext || window.webkitAudioContext)();
  }
  return context;
}

export class Player extends EventTarget {
  // `levels`: what each clip's samples are multiplied by; all 1 if left out. `loop`: whether it
  // begins again at the end.
  constructor(urls, seconds, levels = urls.map(() => 1), loop = false) {
    super();
    const bins = Math.max(1, Math.ceil(seconds / BIN));
    Object.assign(this, {
      urls, seconds, levels, loop, bins, current: 0, playing: false, wanted: false, offset: 0, sources: [],
      gains: [], seen: urls.map(() => new Uint8Array(bins)), events: [], loading: null,
      began: performance.now(),
    });
  }

  // Fetches and decodes; asked again after a failure it starts anew.
  load() {
    this.loading ||= Promise.all(this.urls.map(async (url) => {
      const reply = await fetch(url);
      if (!reply.ok) throw new Error(`clip ${reply.status}`);
      const bytes = await reply.arrayBuffer();
      // The callback form is the one that every Safari knows.
      return new Promise((done, failed) => audioContext().decodeAudioData(bytes, done, failed));
    })).catch((error) => {
      this.loading = null;
      throw error;
    });
    return this.loading;
  }

  get position() {
    if (!this.playing) return this.offset;
    return Math.min(this.seconds, this.offset + Math.max(0, context.currentTime - this.startedAt));
  }

  // Share of each clip that was heard, 0 to 1.
  get heard() {
    return this.seen.map((bins) => bins.reduce((sum, bin) => sum + bin, 0) / this.bins);
  }

  // To be called from a tap or a key: that is what unlocks sound on iOS.
  async play() {
    if (this.wanted) return;
    this.wanted = true;
    this.tell();
    const unlocked = audioContext().resume();
    try {
      const buffers = await this.load();
      await unlocked;
      if (!this.wanted || this.playing) return; // pressed again while it was fetched
      this.start(buffers);
    } catch (error) {
      this.wanted = false;
      this.tell();
      throw error;
    }
  }

  start(buffers) {
    const from = this.offset >= this.seconds - 0.02 ? 0 : this.offset;
    const at = context.currentTime + 0.03;
    this.gains = buffers.map((_, index) => {
      const gain = context.createGain();
      gain.gain.value = index === this.current ? this.levels[index] : 0;
      gain.connect(context.destination);
      return gain;
    });
    this.sources = buffers.map((buffer, index) => {
      const source = context.createBufferSource();
      source.buffer = buffer;
      source.connect(this.gains[index]);
      source.start(at, from);
      return source;
    });
    Object.assign(this, { offset: from, startedAt: at, counted: from, playing: true });
    this.log("play");
    this.timer = setInterval(() => this.tick(), TICK);
    this.tell();
  }

  tick() {
    this.count();
    if (this.position >= this.seconds - 0.005) {
      this.stop();
      this.offset = 0;
      this.log("end");
      if (this.loop) this.play();
    }
    this.tell();
  }

  count() {
    const now = this.position;
    const last = Math.min(this.bins, Math.round(now / BIN));
    for (let bin = Math.round(this.counted / BIN); bin < last; bin += 1) {
      this.seen[this.current][bin] = 1;
    }
    this.counted = now;
  }

  stop() {
    this.wanted = false;
    if (!this.playing) return;
    this.count();
    this.offset = this.position;
    this.playing = false;
    clearInterval(this.timer);
    for (const source of this.sources) source.stop();
    for (const gain of this.gains) gain.disconnect();
  }

  pause() {
    const was = this.playing;
    this.stop();
    if (was) this.log("pause");
    this.tell();
  }

  toggle() {
    return this.wanted ? this.pause() : this.play();
  }

  choose(index) {
    if (index === this.current) return;
    if (this.playing) {
      this.count();
      const now = context.currentTime;
      for (const [at, gain] of this.gains.entries()) {
        gain.gain.setTargetAtTime(at === index ? this.levels[at] : 0, now, SWITCH / 3);
      }
    }
    this.current = index;
    this.log("switch");
    this.tell();
  }

  seek(seconds) {
    const was = this.playing;
    this.stop();
    this.offset = Math.max(0, Math.min(this.seconds, seconds));
    this.log("seek");
    this.tell();
    if (was) this.play();
  }

  log(kind) {
    if (this.events.length >= MOST_EVENTS) return;
    const round = (value) => Math.round(value * 100) / 100;
    this.events.push({ event: kind, clip: this.current, at: round(this.position),
      time: round((performance.now() - this.began) / 1000) });
  }

  tell() {
    this.dispatchEvent(new Event("change"));
  }
}
