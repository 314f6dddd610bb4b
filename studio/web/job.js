// One job on its way: a waveform that fills in, stage, seconds left, live sound, cancel.

import { about, ask, button, make } from "./dom.js";
import { player, somethingSounds } from "./player.js";

const BARS = 96;
const SAFETY = 1.15; // of the seconds left, against stopping in the middle

export class JobCard {
  // `listen`: whether it is to be heard as soon as that is possible.
  constructor(job, listen, onDismiss) {
    Object.assign(this, { id: job.id, job, wanted: listen, peaks: [], from: 0, total: job.seconds });
    this.polite = job.ahead > 0; // it had to wait, so it does not cut off what sounds meanwhile
    this.status = make("p", { class: "job-status" });
    this.bars = make("div", { class: "bars", role: "progressbar", "aria-label": "Progress", "aria-valuemin": "0", "aria-valuemax": "100" },
      ...Array.from({ length: BARS }, () => make("i", {})));
    this.cancel = button("quiet job-cancel", "Cancel", () => this.stop());
    this.listen = button("quiet job-listen", "Listen", () => this.hear(true), { hidden: true });
    this.dismiss = button("quiet", "Dismiss", onDismiss, { hidden: true });
    this.node = make("article", { class: "card job-card", "data-job": job.id },
      make("div", { class: "piece-head" }, make("h3", { class: "piece-title" }, job.prompt || "Continued music"), this.listen, this.cancel, this.dismiss),
      this.bars, this.status);
  }

  // Seconds until it can be heard to its end without a stop: what is left to make must not
  // take longer than the whole of it sounds.
  get wait() {
    const { fraction, seconds, seconds_left: left } = this.job;
    return fraction > 0.02 ? Math.max(0, SAFETY * left - seconds) : Infinity;
  }

  hear(asked = false) {
    this.wanted = false;
    if (!asked && this.polite && somethingSounds()) return;
    player.play({ id: this.id, title: this.job.prompt || "Continued music", url: `studio/jobs/${this.id}/live.wav`, peaks: this.peaks, seconds: this.total }, this.from);
  }

  async stop() {
    this.cancel.disabled = true;
    this.wanted = false;
    await ask(`studio/jobs/${this.id}/cancel`, "POST").catch((error) => { this.status.textContent = error.message; });
  }

  async update(job) {
    this.job = job;
    const active = job.state === "waiting" || job.state === "running";
    this.node.dataset.state = job.state;
    this.cancel.hidden = !active;
    this.dismiss.hidden = job.state !== "failed";
    this.bars.hidden = !active;
    this.status.textContent = this.text(job);
    if (job.state !== "running") return;
    const heard = await ask(`studio/jobs/${this.id}/heard?parts=${BARS}`).catch(() => null);
    if (heard) Object.assign(this, { peaks: heard.peaks.map((peak) => peak / 100), from: heard.listen_from, total: heard.seconds });
    this.fillIn(job.fraction);
    this.listen.hidden = !job.sound_seconds || this.wait > 0 || player.piece?.id === this.id;
    if (this.wanted && job.sound_seconds && this.wait === 0) this.hear();
  }

  fillIn(fraction) {
    this.bars.setAttribute("aria-valuenow", String(Math.round(100 * fraction)));
    [...this.bars.children].forEach((bar, i) => {
      bar.className = i < fraction * BARS ? "made" : "";
      bar.style.height = `${Math.max(8, 100 * (this.peaks[i] || 0))}%`;
    });
  }

  // What a screen reader is told: the stage, not every percent of it.
  news(job) {
    if (job.state === "waiting") return "in the queue";
    return job.state === "running" ? job.stage : this.text(job);
  }

  text(job) {
    if (job.state === "waiting") {
      const before = job.ahead === 1 ? "1 job" : `${job.ahead} jobs`;
      return job.ahead ? `In the queue: ${before} before this one, about ${about(job.wait)} to wait` : "Next in the queue";
    }
    if (job.state === "failed") return job.error?.text || "failed";
    if (job.state === "cancelled") return "Cancelled";
    if (job.stage !== "making music" || !job.fraction) return job.stage[0].toUpperCase() + job.stage.slice(1);
    const later = Number.isFinite(this.wait) && this.wait >= 1 ? `; you can listen in about ${about(this.wait)}` : "";
    return `Making music: ${Math.round(100 * job.fraction)} %, about ${about(job.seconds_left)} left${later}`;
  }
}
