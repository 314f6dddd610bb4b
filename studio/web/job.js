// One job on its way: place in the queue, stage, seconds left, live sound, cancel.

import { about, ask, claimSound, make, somethingSounds } from "./dom.js";
import { LiveSound } from "./live.js";

export class JobCard {
  constructor(job, listen, begun) {
    this.id = job.id;
    this.job = job;
    this.begun = begun; // performance.now() of the click, to tell how long the first sound took
    this.status = make("p", { class: "job-status" });
    this.bar = make("progress", { max: 1, value: 0, "aria-label": "Progress" });
    this.cancel = make("button", { type: "button", class: "quiet-button job-cancel", onclick: () => this.stop() },
      "Cancel");
    this.mute = make("button", { type: "button", class: "quiet-button job-mute", hidden: true,
      onclick: () => this.silence() }, "Stop listening");
    this.node = make("article", { class: "card job-card", "data-job": job.id },
      make("h3", { class: "card-title" }, job.prompt || "Continued music"),
      this.status, this.bar,
      make("div", { class: "card-actions" }, this.cancel, this.mute));
    document.addEventListener("studio-sound", (event) => {
      if (event.detail !== this && this.live) this.silence();
    });
    this.wanted = listen; // until it is heard, or something else is heard when its turn comes
    this.polite = job.ahead > 0; // it had to wait, so it does not cut off what sounds meanwhile
  }

  get sounds() {
    return Boolean(this.live);
  }

  // Only the job that is being made holds a connection: a browser has few for one address.
  listenInTurn(job) {
    if (!this.wanted || (job.state === "waiting" && job.ahead > 0)) return;
    if (this.mayBeHeard) this.listen();
    this.wanted = false;
  }

  get mayBeHeard() {
    return this.wanted && !(this.polite && somethingSounds());
  }

  listen() {
    this.live = new LiveSound(`/studio/jobs/${this.id}/sound`, (lead) => {
      claimSound(this);
      this.mute.hidden = false;
      this.sounded(lead);
    }, () => { this.live = null; this.mute.hidden = true; });
    this.live.play(async () => (await ask("/studio/jobs")).find((j) => j.id === this.id)?.sample_rate || 24000);
  }

  // Notes how long the first sound took after the click; `lead`: seconds until it is heard.
  sounded(lead) {
    if (this.first) return;
    this.first = (performance.now() - this.begun) / 1000 + lead;
    window.studio.firstSound = this.first;
  }

  // Stops the live sound; returns how far it was, or null when nobody listens.
  silence() {
    const unheard = this.mayBeHeard ? 0 : null; // made before its turn was seen
    const position = this.live ? this.live.position : unheard;
    this.wanted = false;
    this.live?.stop();
    this.live = null;
    this.mute.hidden = true;
    return position;
  }

  async stop() {
    this.cancel.disabled = true;
    this.silence();
    try {
      await ask(`/studio/jobs/${this.id}/cancel`, "POST");
    } catch (error) {
      this.status.textContent = error.message;
    }
  }

  update(job) {
    this.job = job;
    const active = job.state === "waiting" || job.state === "running";
    this.node.dataset.state = job.state;
    this.cancel.hidden = !active;
    this.bar.hidden = !active;
    this.bar.value = job.fraction;
    this.node.classList.toggle("card-failed", job.state === "failed");
    const text = this.text(job);
    if (this.status.textContent !== text) this.status.textContent = text;
    if (active) this.listenInTurn(job);
    else if (job.state !== "done") this.silence();
  }

  // What a screen reader is told: the stage, not every percent of it.
  news(job) {
    if (job.state === "waiting") return "in the queue";
    return job.state === "running" ? job.stage : this.text(job);
  }

  text(job) {
    if (job.state === "waiting") {
      const before = job.ahead === 1 ? "1 job" : `${job.ahead} jobs`;
      return job.ahead ? `In the queue: ${before} before this one, about ${about(job.wait)} to wait`
        : "Next in the queue";
    }
    if (job.state === "failed") return job.error?.text || "failed";
    if (job.state === "cancelled") return "Cancelled";
    if (job.state === "done") return "Done";
    if (job.stage === "making music" && job.fraction > 0) {
      return `Making music: ${Math.round(100 * job.fraction)} %, about ${about(job.seconds_left)} left`;
    }
    return job.stage[0].toUpperCase() + job.stage.slice(1);
  }
}
