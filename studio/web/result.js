// One finished piece: player, shape of the sound, downloads, and what can be done with it.

import { ask, claimSound, clock, make } from "./dom.js";
import { shape } from "./shape.js";

const JOIN_SECONDS = 2; // heard on each side of a join

export class ResultCard {
  constructor(record, note = "") {
    this.record = record;
    this.id = record.id;
    this.node = make("article", { class: "card result-card", "data-result": record.id });
    this.message = make("p", { class: "card-message", "aria-live": "polite" }, note);
    this.draw();
    document.addEventListener("studio-sound", (event) => {
      if (event.detail !== this) this.audio.pause();
    });
  }

  get sounds() {
    return !this.audio.paused;
  }

  draw() {
    const { about, request, title } = this.record;
    this.title = make("h3", { class: "card-title" }, title);
    this.audio = make("audio", { controls: true, preload: "none", src: this.address("sound.wav"),
      "aria-label": `Player: ${title}`, onplay: () => claimSound(this),
      ontimeupdate: () => this.follow() });
    this.shape = shape(about.peaks, about.join_seconds / about.seconds,
      (share) => this.seek(share * about.seconds, true));
    const facts = [clock(about.seconds), request.variant, `seed ${request.seed}`];
    if (request.audio) facts.push("continued");
    this.node.replaceChildren(
      make("div", { class: "card-head" }, this.title, make("span", { class: "badge" }, "AI-generated")),
      make("p", { class: "card-facts" }, facts.join(" · ")),
      this.shape.node, this.audio, this.actions(), this.downloads(), this.details(), this.message);
  }

  address(what) {
    return `/studio/results/${this.id}/${what}`;
  }

  button(name, text, act, more = {}) {
    return make("button", { type: "button", class: `quiet-button ${name}`, ...more,
      onclick: async () => {
        this.message.textContent = "";
        try {
          await act();
        } catch (error) {
          this.message.textContent = error.message;
        }
      } }, text);
  }

  actions() {
    const { favourite, about } = this.record;
    const row = make("div", { class: "card-actions" },
      this.button("favourite", favourite ? "★ Favourite" : "☆ Favourite",
        () => this.change({ favourite: !favourite }), { "aria-pressed": String(favourite) }),
      this.button("again", "Edit and run again", () => window.studio.again(this.record)),
      this.button("replay", "Replay exactly", () => this.replay()),
      this.button("continue", "Continue this", () => window.studio.continueResult(this.id)));
    if (about.join_seconds > 0) {
      row.prepend(this.button("join", "Hear the join", () => this.hearJoin()));
    }
    return row;
  }

  downloads() {
    const link = (format) => make("a", { class: "quiet-button download", download: "",
      href: `${this.address("download")}?format=${format}`,
      "aria-label": `Download ${this.record.title} as ${format.toUpperCase()}` }, format.toUpperCase());
    return make("div", { class: "card-actions card-downloads" }, make("span", {}, "Download"),
      ...["wav", "flac", "mp3"].map(link),
      this.button("rename", "Rename", () => this.rename()),
      this.button("delete", "Delete", () => this.remove()));
  }

  details() {
    const { request, about, created } = this.record;
    const made = new Date(created * 1000).toLocaleString();
    const rows = Object.entries(request).map(([name, value]) => make("tr", {},
      make("th", { scope: "row" }, name.replaceAll("_", "-")),
      make("td", {}, value === null ? "–" : typeof value === "object" ? JSON.stringify(value) : String(value))));
    return make("details", { class: "card-details" }, make("summary", {}, "Full request"),
      make("p", {}, `Made ${made} in ${(about.rtf * about.seconds).toFixed(1)} s of computing.`),
      make("table", {}, make("tbody", {}, ...rows)));
  }

  follow() {
    const { about } = this.record;
    if (this.joinEnd && this.audio.currentTime >= this.joinEnd) {
      this.joinEnd = 0;
      this.audio.pause();
    }
    this.shape.mark(this.audio.currentTime / about.seconds);
  }

  seek(seconds, play) {
    const go = () => {
      this.audio.currentTime = seconds;
      if (play) this.audio.play().catch(() => {});
    };
    if (this.audio.readyState >= 1) go();
    else {
      this.audio.addEventListener("loadedmetadata", go, { once: true });
      this.audio.load();
    }
  }

  hearJoin() {
    const join = this.record.about.join_seconds;
    this.joinEnd = join + JOIN_SECONDS;
    this.seek(Math.max(0, join - JOIN_SECONDS), true);
  }

  async change(what) {
    this.record = await ask(`/studio/results/${this.id}`, "PATCH", what);
    this.draw();
    const pressed = "favourite" in what ? ".favourite" : ".rename";
    this.node.querySelector(pressed)?.focus();
  }

  rename() {
    const field = make("input", { type: "text", class: "rename-field", value: this.record.title,
      maxlength: "80", "aria-label": "New name" });
    const form = make("form", { class: "rename-form", onsubmit: async (event) => {
      event.preventDefault();
      try {
        await this.change({ title: field.value });
      } catch (error) {
        this.message.textContent = error.message;
      }
    } }, field, make("button", { type: "submit", class: "quiet-button rename-save" }, "Save"));
    form.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.draw();
    });
    this.title.replaceWith(form);
    field.select();
  }

  // Two presses, so that nothing is lost by one.
  remove() {
    const button = this.node.querySelector(".delete");
    button.textContent = "Really delete?";
    button.classList.add("sure");
    button.addEventListener("click", async (event) => {
      event.stopImmediatePropagation();
      try {
        await ask(`/studio/results/${this.id}`, "DELETE");
      } catch (error) {
        this.draw(); // the button as it was
        this.message.textContent = error.message;
        return;
      }
      this.audio.pause();
      this.node.remove();
      document.dispatchEvent(new CustomEvent("studio-results"));
    }, { capture: true, once: true });
  }

  async replay() {
    const { id } = await ask(this.address("replay"), "POST");
    window.studio.replay(this.node, id, this.record.about.sha256);
  }
}

export async function resultCard(identity, note) {
  return new ResultCard(await ask(`/studio/results/${identity}`), note);
}
