// Everything this person has made in this browser.

import { ask, make } from "./dom.js";
import { ResultCard } from "./result.js";

class StudioHistory extends HTMLElement {
  connectedCallback() {
    if (this.list) return;
    this.cards = new Map(); // id -> ResultCard
    this.search = make("input", { type: "search", class: "history-search", placeholder: "Search by name or prompt",
      "aria-label": "Search", oninput: () => this.filter() });
    this.only = make("input", { type: "checkbox", class: "native history-favourites", onchange: () => this.filter() });
    this.count = make("p", { class: "card-facts", "aria-live": "polite" });
    this.list = make("div", { class: "history-list" });
    this.erase = make("button", { type: "button", class: "quiet-button history-erase", onclick: () => this.eraseAll() },
      "Delete all of mine");
    this.append(
      make("div", { class: "history-tools" }, this.search,
        make("label", { class: "check-label" }, this.only, "Favourites only"),
        make("a", { class: "quiet-button history-export", href: "/studio/results.zip", download: "" }, "Export all (ZIP)"),
        this.erase),
      this.count, this.list);
    document.addEventListener("studio-results", () => this.load());
    this.load();
  }

  async load() {
    const turn = this.turn = (this.turn || 0) + 1;
    let records;
    try {
      records = await ask("/studio/results");
    } catch (error) {
      this.count.textContent = error.message;
      return;
    }
    if (turn !== this.turn) return; // a younger answer is on its way
    const ids = new Set(records.map((record) => record.id));
    for (const [id, card] of this.cards) {
      if (ids.has(id)) continue;
      card.node.remove();
      this.cards.delete(id);
    }
    for (const record of [...records].reverse()) { // youngest ends up first
      if (this.cards.has(record.id)) {
        const card = this.cards.get(record.id);
        if (JSON.stringify(card.record) !== JSON.stringify(record) && card.audio.paused) {
          card.record = record;
          card.draw();
        }
        continue;
      }
      const card = new ResultCard(record);
      this.cards.set(record.id, card);
      this.list.prepend(card.node);
    }
    this.filter();
  }

  filter() {
    const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const { record, node } of this.cards.values()) {
      const text = `${record.title} ${record.request.prompt}`.toLowerCase();
      node.hidden = !(words.every((word) => text.includes(word)) && (!this.only.checked || record.favourite));
      if (!node.hidden) shown += 1;
    }
    const all = this.cards.size;
    this.count.textContent = all === 0 ? "Nothing yet: what you make in Create and Continue is kept here."
      : shown === all ? `${all} ${all === 1 ? "piece" : "pieces"}` : `${shown} of ${all} pieces`;
    this.querySelector(".history-export").hidden = all === 0;
  }

  async eraseAll() {
    if (!this.erase.classList.contains("sure")) {
      this.erase.textContent = "Really delete everything?";
      this.erase.classList.add("sure");
      setTimeout(() => {
        this.erase.textContent = "Delete all of mine";
        this.erase.classList.remove("sure");
      }, 5000);
      return;
    }
    this.erase.classList.remove("sure");
    this.erase.textContent = "Delete all of mine";
    try {
      await ask("/studio/results", "DELETE");
      document.dispatchEvent(new CustomEvent("studio-results"));
    } catch (error) {
      this.count.textContent = error.message;
    }
  }
}

customElements.define("studio-history", StudioHistory);
