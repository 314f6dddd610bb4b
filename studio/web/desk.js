// The desk beside a form: this person's running jobs and what has just been finished.

import { ask, make } from "./dom.js";
import { JobCard } from "./job.js";
import { resultCard } from "./result.js";

const POLL_MS = 350;
const SHOWN = 6;
const LOST = "The studio was restarted and this job was lost; press Generate again";

// The desk lies below the form there, out of sight.
const onPhone = () => matchMedia("(max-width: 760px)").matches;
const active = (job) => job.state === "waiting" || job.state === "running";

class StudioDesk extends HTMLElement {
  connectedCallback() {
    if (this.cards) return;
    this.cards = new Map(); // job id -> JobCard, in progress
    this.originals = new Map(); // job id -> sha256 of the piece it replays
    this.empty = make("p", { class: "desk-empty" }, this.dataset.empty || "Your music will appear here.");
    this.list = make("div", { class: "desk-list" });
    if (this.dataset.title) this.append(make("h2", { class: "desk-title" }, this.dataset.title));
    this.spoken = make("p", { class: "unseen", "aria-live": "polite" });
    this.append(this.empty, this.list, this.spoken);
    if (this.dataset.adopt) this.adopt();
  }

  // After a reload: jobs that are still running go on showing.
  async adopt() {
    const jobs = await ask("/studio/jobs").catch(() => []);
    for (const job of jobs.filter(active)) this.add(job, false);
    this.poll();
  }

  async watch(ids, begun, listen = true) {
    const jobs = await ask("/studio/jobs");
    for (const id of [...ids].reverse()) { // the first ends up on top
      const job = jobs.find((each) => each.id === id);
      if (job && !this.cards.has(id)) this.add(job, listen && id === ids[0], begun);
    }
    if (onPhone()) this.list.firstElementChild?.scrollIntoView({ block: "nearest" });
    this.poll();
  }

  add(job, listen, begun = performance.now()) {
    const card = new JobCard(job, listen, begun);
    card.update(job);
    this.cards.set(job.id, card);
    this.list.prepend(card.node);
    this.empty.hidden = true;
    while (this.list.children.length > SHOWN && this.list.lastElementChild.matches(".result-card, [data-state=failed], [data-state=cancelled]")) {
      this.list.lastElementChild.remove();
    }
  }

  async poll() {
    if (this.polling) return;
    this.polling = true;
    while (this.cards.size) {
      try {
        const jobs = await ask("/studio/jobs");
        this.classList.remove("desk-lost");
        await Promise.all([...this.cards.values()].map((card) =>
          this.refresh(card, jobs.find((job) => job.id === card.id))));
      } catch (error) {
        this.classList.add("desk-lost");
      }
      await new Promise((resume) => setTimeout(resume, POLL_MS));
    }
    this.polling = false;
  }

  tell(card, news) {
    if (card.told === news) return;
    card.told = news;
    this.spoken.textContent = `${card.job.prompt || "Continued music"}: ${news}`;
  }

  async refresh(card, job) {
    job ||= { ...card.job, state: "failed", error: { text: LOST } };
    card.update(job);
    this.tell(card, card.news(job));
    if (active(job)) return;
    if (job.state !== "done") {
      this.cards.delete(card.id);
      return;
    }
    const result = await resultCard(card.id);
    this.cards.delete(card.id);
    const original = this.originals.get(card.id);
    if (original) {
      result.message.textContent = original === result.record.about.sha256
        ? "Identical to the original, sample for sample." : "Differs from the original: the model has changed since.";
    }
    const heard = card.silence();
    const focused = card.node.contains(document.activeElement);
    const { top, bottom } = card.node.getBoundingClientRect();
    const seen = top < innerHeight && bottom > 0;
    card.node.replaceWith(result.node);
    if (focused) result.audio.focus();
    if (seen && onPhone()) result.node.scrollIntoView({ block: "nearest" });
    if (heard !== null) {
      result.audio.addEventListener("playing", () => card.sounded(0), { once: true });
      result.seek(heard, heard < result.record.about.seconds - 0.3);
    }
    document.dispatchEvent(new CustomEvent("studio-results"));
  }
}

customElements.define("studio-desk", StudioDesk);
