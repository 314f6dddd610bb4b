// Plays a piece while it is made: int16 samples from a stream, scheduled with WebAudio.

let shared = null;

export function audioContext() {
  shared ||= new AudioContext();
  if (shared.state === "suspended") shared.resume().catch(() => {});
  return shared;
}

// A browser lets sound start only after a gesture: take every one as a chance to wake up.
for (const kind of ["pointerdown", "keydown"]) {
  document.addEventListener(kind, () => audioContext(), { passive: true });
}

const LEAD = 0.05; // seconds between scheduling and sounding
const LONGEST_HOLD = 8;

export class LiveSound {
  constructor(url, onFirst, onEnd) {
    Object.assign(this, { url, onFirst, onEnd });
    this.sources = new Set();
    this.waiting = [];
    this.waitingSeconds = 0;
    this.hold = 0; // seconds to gather before sounding again; grows with every gap
    this.next = 0;
    this.started = false;
    this.ended = false;
    this.stopped = false;
    this.scheduled = 0;
    this.abort = new AbortController();
  }

  async play(rateOf) {
    this.context = audioContext();
    this.gain = this.context.createGain();
    this.gain.connect(this.context.destination);
    try {
      const answer = await fetch(this.url, { signal: this.abort.signal });
      if (answer.ok) await this.read(answer.body.getReader(), rateOf);
    } catch (error) {
      if (error.name !== "AbortError") console.warn("live sound:", error.message);
    }
    this.ended = true;
    this.schedule(true);
    if (!this.sources.size) this.onEnd();
  }

  async read(reader, rateOf) {
    let rest = new Uint8Array(0);
    for (;;) {
      const { done, value } = await reader.read();
      if (done || this.stopped) return;
      const bytes = new Uint8Array(rest.length + value.length);
      bytes.set(rest);
      bytes.set(value, rest.length);
      const whole = bytes.length - (bytes.length % 2);
      rest = bytes.slice(whole);
      if (!whole) continue;
      const rate = this.rate ||= await rateOf();
      const samples = Float32Array.from(new Int16Array(bytes.buffer.slice(0, whole)),
        (sample) => sample / 32768);
      this.waiting.push(samples);
      this.waitingSeconds += samples.length / rate;
      this.schedule(false);
    }
  }

  schedule(everything) {
    if (this.stopped || !this.waiting.length) return;
    const now = this.context.currentTime;
    if (this.started && this.next < now + 0.01 && !this.starving) {
      this.starving = true;
      this.hold = Math.min(LONGEST_HOLD, Math.max(1, this.hold * 2));
    }
    const dry = !this.started || this.starving;
    if (dry && !everything && this.waitingSeconds < this.hold) return;
    if (dry) this.next = now + LEAD;
    this.starving = false;
    for (const samples of this.waiting.splice(0)) this.sound(samples);
    this.waitingSeconds = 0;
    if (!this.started) {
      this.started = true;
      this.onFirst(this.next - now);
    }
  }

  sound(samples) {
    const buffer = this.context.createBuffer(1, samples.length, this.rate);
    buffer.copyToChannel(samples, 0);
    const source = this.context.createBufferSource();
    source.buffer = buffer;
    source.connect(this.gain);
    source.start(this.next);
    this.sources.add(source);
    source.onended = () => {
      this.sources.delete(source);
      if (this.ended && !this.sources.size && !this.stopped) this.onEnd();
    };
    this.next += buffer.duration;
    this.scheduled += buffer.duration;
  }

  get position() { // seconds of the piece heard so far
    return this.started ? Math.max(0, this.scheduled - Math.max(0, this.next - this.context.currentTime)) : 0;
  }

  stop() {
    this.stopped = true;
    this.abort.abort();
    for (const source of this.sources) source.stop();
    this.sources.clear();
  }
}
