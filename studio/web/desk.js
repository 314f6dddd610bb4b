// The desk beside a form: this person's running jobs and what has just been finished.

import { ask, make } from "./dom.js";
import { JobCard } from "./job.js";
import { resultCard } from "./result.js";

const POLL_MS = 350;
const SHOWN = 6;

class StudioDesk extends HTMLElement {
  connectedCallback() {
    if (this.cards) return;
    this.cards = new Map(); // job id -> JobCard, in progress
    this.empty = make("p", { class: "desk-empty" }, "Your music will appear here.");
    this.list = make("div", { class: "desk-list" });
    this.append(make("h2", { class: "desk-title" }, "Your music"), this.empty, this.list);
    if (this.dataset.kind === "create") this.adopt();
  }

  // After a reload: jobs that are still running go on showing.
  async adopt() {
    const jobs = await ask("/studio/jobs").catch(() => []);
    for (const job of jobs) {
      if (job.state === "waiting" || job.state === "running") this.add(job, false);
    }
    this.poll();
  }

  async watch(ids, begun) {
    const jobs = await ask("/studio/jobs");
    ids.forEach((id, i) => {
      const job = jobs.find((each) => each.id === id);
      if (job && !this.cards.has(id)) this.add(job, i === 0, begun);
    });
    this.scrollIntoView({ block: "nearest", behavior: "smooth" });
    this.poll();
  }

  add(job, listen, begun = performance.now()) {
    const card = new JobCard(job, listen, begun);
    card.update(job);
    this.cards.set(job.id, card);
    this.list.prepend(card.node);
    this.empty.hidden = true;
    while (this.list.children.length > SHOWN && !this.list.lastElementChild.matches(".job-card")) {
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

  async refresh(card, job) {
    if (!job) { // the studio was started again: what was running is gone
      job = { ...card.job, state: "failed", error: { text: "The studio was restarted and this job was lost; "
        + "press Generate again" } };
    }
    card.update(job);
    if (job.state === "waiting" || job.state === "running") return;
    this.cards.delete(card.id);
    if (job.state !== "done") return;
    const result = await resultCard(card.id);
    const heard = card.silence();
    card.node.replaceWith(result.node);
    if (heard !== null) result.seek(heard, heard < result.record.about.seconds - 0.3);
    document.dispatchEvent(new CustomEvent("studio-results"));
  }
}

customElements.define("studio-desk", StudioDesk);
