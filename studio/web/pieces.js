// Cards of finished pieces; variations made together share one card and switch in place.

import { ask, attempt, button, clock, icon, make, tell, toast } from "./dom.js";
import { editPanel } from "./edit.js";
import { player, Waveform } from "./player.js";

const JOIN_SECONDS = 2; // heard on each side of a join
const LETTERS = "ABCDEFGHIJKLMNOP";

export const playable = ({ id, title, about }) =>
  ({ id, title, url: `studio/results/${id}/play.mp3`, peaks: about.peaks.map((peak) => peak / 100), seconds: about.seconds });

// Records, youngest first -> lists of records that were asked for together, A first.
export function grouped(records) {
  const groups = new Map();
  for (const record of records) {
    const { seed, ...rest } = record.request;
    const together = record.about.kept_with; // kept of one job, the best first
    const key = together || JSON.stringify(rest);
    const last = groups.get(key)?.at(-1);
    if (together && last) {
      last.push(record);
      last.sort((a, b) => a.about.choice.rank - b.about.choice.rank);
      continue;
    }
    if (last && last[0].request.seed === seed + 1 && last.length < 4) last.unshift(record);
    else groups.set(key, [...(groups.get(key) || []), [record]]);
  }
  return [...groups.values()].flat().sort((a, b) => b.at(-1).created - a.at(-1).created);
}

export class PieceCard {
  constructor(records) {
    this.records = records;
    this.chosen = 0;
    this.node = make("article", { class: "card result-card" });
    this.node.piece = this;
    this.draw();
  }

  get record() {
    return this.records[this.chosen];
  }

  get key() {
    return this.records.map(({ id }) => id).join();
  }

  update(records) {
    if (JSON.stringify(records) === JSON.stringify(this.records)) return;
    this.records = records;
    this.chosen = Math.min(this.chosen, records.length - 1);
    this.draw();
  }

  draw() {
    const { id, title, favourite, request, about } = this.record;
    this.piece = playable(this.record);
    this.node.dataset.result = id;
    this.waveform?.drop();
    const edited = request.edit && Object.keys(request.edit).find((name) => request.edit[name] !== null);
    this.waveform = new Waveform(this.piece, request.sections, edited ? 0 : about.join_seconds);
    this.play = button("round piece-play", "", () => player.toggle(this.piece));
    this.title = make("h3", { class: "piece-title" }, title);
    const star = button("round star", icon("star"), attempt(() => this.change({ favourite: !favourite })),
      { "aria-pressed": String(favourite), "aria-label": favourite ? "Remove the star" : "Star" });
    const { choice } = about; // the score first: what does not fit is cut at the end
    const scored = choice && `${choice.rank === 1 ? "best" : `no. ${choice.rank}`} of ${choice.of}: ${choice.by === "adherence" ? `${Math.round(100 * choice.score)} % as asked` : `likelihood ${choice.score.toFixed(2)}`}`;
    const facts = [clock(about.seconds), ...(scored ? [scored] : []), "AI-generated", about.channels > 1 ? "stereo" : "mono", request.variant, `seed ${request.seed}`];
    if (edited) facts.push("edited");
    this.panel = make("div", { class: "piece-panel" });
    this.node.replaceChildren(
      make("div", { class: "piece-head" }, this.play, make("div", { class: "piece-name" }, this.title, make("p", { class: "facts" }, facts.join(" · "))),
        this.letters(), star, button("quiet continue", "Continue", () => tell("studio-continue", { id, title })), this.menuButton()),
      this.waveform.node, this.panel);
    this.mark();
  }

  letters() {
    if (this.records.length < 2) return null;
    return make("div", { class: "pills letters", role: "group", "aria-label": "Variations" }, ...this.records.map((record, i) =>
      button("", LETTERS[i], () => this.choose(i), { "aria-pressed": String(i === this.chosen), "aria-label": `Variation ${LETTERS[i]}` })));
  }

  choose(i) {
    const heard = player.piece?.id === this.record.id;
    this.chosen = i;
    if (heard) player.change(playable(this.record));
    this.draw();
    this.node.querySelectorAll(".letters button")[i]?.focus();
  }

  mark() {
    const sounds = player.plays(this.piece);
    if (this.play.dataset.sounds === String(sounds)) return;
    this.play.dataset.sounds = String(sounds);
    this.play.replaceChildren(icon(sounds ? "pause" : "play"));
    this.play.setAttribute("aria-label", `${sounds ? "Pause" : "Play"}: ${this.record.title}`);
  }

  menuButton() {
    return button("round menu-button", icon("more"), (event) => this.openMenu(event.currentTarget), { "aria-label": `More for ${this.record.title}`, "aria-haspopup": "menu" });
  }

  openMenu(anchor) {
    const { id, about } = this.record;
    const item = (name, text, act) => button(`menu-item ${name}`, text, attempt(async () => { menu.hidePopover(); await act(); }), { role: "menuitem" });
    const link = (format) => make("a", { class: "menu-item download", role: "menuitem", download: "", href: `studio/results/${id}/download?format=${format}`,
      onclick: () => menu.hidePopover() }, `Download ${format.toUpperCase()}`);
    const menu = make("div", { class: "menu", popover: "auto", role: "menu", "aria-label": "More" },
      about.join_seconds > 0 ? item("join", "Preview transition", () => player.play(this.piece, Math.max(0, about.join_seconds - JOIN_SECONDS), about.join_seconds + JOIN_SECONDS)) : null,
      item("edit", "Redo a part…", () => this.show(editPanel(this))),
      item("again", "Use these settings", () => tell("studio-reuse", { id })),
      item("replay", "Make it again exactly", () => this.replay()),
      item("rename", "Rename", () => this.rename()),
      link("wav"), link("flac"), link("mp3"),
      item("share", "Share a link…", () => this.share()),
      item("details", "Details", () => this.show(this.details())),
      item("delete", this.records.length > 1 ? `Delete ${LETTERS[this.chosen]}` : "Delete", () => this.remove()));
    this.node.append(menu);
    menu.addEventListener("toggle", ({ newState }) => newState === "closed" && (menu.remove(), anchor.focus()));
    menu.addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      const items = [...menu.children];
      items.at((items.indexOf(document.activeElement) + step) % items.length).focus();
    });
    menu.showPopover();
    const { right, bottom, top } = anchor.getBoundingClientRect();
    menu.style.left = `${Math.max(8, Math.min(right, innerWidth - 8) - menu.offsetWidth)}px`;
    menu.style.top = `${bottom + menu.offsetHeight + 8 < innerHeight ? bottom + 4 : Math.max(8, top - menu.offsetHeight - 4)}px`;
    menu.firstElementChild.focus();
  }

  show(content) {
    this.panel.replaceChildren(content, button("quiet panel-close", "Close", () => this.draw()));
  }

  async change(what) {
    const record = await ask(`studio/results/${this.record.id}`, "PATCH", what);
    tell("studio-changed", record);
  }

  rename() {
    const name = make("input", { type: "text", class: "rename-field", value: this.record.title, maxlength: "80", "aria-label": "New name" });
    const form = make("form", { class: "tools rename-form", onsubmit: attempt(async (event) => {
      event.preventDefault();
      await this.change({ title: name.value });
    }) }, name, make("button", { type: "submit", class: "quiet" }, "Save"));
    form.addEventListener("keydown", (event) => event.key === "Escape" && this.draw());
    this.title.replaceWith(form);
    name.select();
  }

  async remove() {
    const { id, title } = this.record;
    if (player.piece?.id === id) player.close();
    await ask(`studio/results/${id}`, "DELETE");
    tell("studio-changed");
    toast(`“${title}” is deleted.`, "Undo", attempt(async () => {
      await ask(`studio/results/${id}/restore`, "POST");
      tell("studio-changed");
    }));
  }

  async replay() {
    const { id } = await ask(`studio/results/${this.record.id}/replay`, "POST");
    tell("studio-jobs", { ids: [id], began: performance.now(), replay: this.record });
    tell("studio-open", { tab: "create" });
  }

  async share() {
    const path = `studio/results/${this.record.id}/share`;
    const { url, until } = await ask(path, "POST");
    const address = make("input", { type: "text", readonly: true, value: new URL(url, document.baseURI).href, "aria-label": "Link to this piece" });
    this.show(make("div", { class: "share" }, make("p", { class: "hint" }, `Whoever has this link can hear the piece and see its request until ${new Date(1000 * until).toLocaleDateString()}.`),
      make("div", { class: "tools" }, address, button("quiet", "Copy", attempt(async () => {
        address.select();
        await navigator.clipboard.writeText(address.value);
        toast("The link is copied.");
      })), button("quiet share-stop", "Stop sharing", attempt(async () => {
        await ask(path, "DELETE");
        this.draw();
        toast("The link no longer works.");
      })))));
  }

  details() {
    const { request, about, created } = this.record;
    const shown = (value) => (value === null || value === "" ? "–" : typeof value === "object" ? JSON.stringify(value) : String(value));
    const rows = Object.entries(request).map(([name, value]) => make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, shown(value))));
    const heard = about.choice?.heard || [];
    return make("div", { class: "details" }, make("p", { class: "hint" },
      `Made ${new Date(1000 * created).toLocaleString()} in ${(about.rtf * about.seconds).toFixed(1)} s of computing.`),
      heard.length ? make("ul", { class: "heard" }, ...heard.map(({ name, asked, heard: said, score }) => make("li", {}, `${name}: ${asked} asked, ${said} heard (${Math.round(100 * score)} %)`))) : null,
      make("table", {}, make("tbody", {}, ...rows)));
  }
}

let shown = ""; // what sounds, so that cards are looked at only when that changes
player.addEventListener("change", () => {
  const now = player.sounds ? player.piece.id : "";
  if (now === shown) return;
  shown = now;
  for (const node of document.querySelectorAll(".result-card")) node.piece.mark();
});

// Shows groups of records in a holder, keeping the cards that are there.
export function showPieces(holder, groups) {
  const cards = new Map([...holder.querySelectorAll(".result-card")].map(({ piece }) => [piece.records[0].id, piece]));
  const nodes = groups.map((records) => {
    const card = records.map(({ id }) => cards.get(id)).find(Boolean);
    if (!card) return new PieceCard(records).node;
    card.update(records);
    return card.node;
  });
  nodes.forEach((node, i) => holder.children[i] !== node && holder.insertBefore(node, holder.children[i] || null));
  [...holder.children].slice(nodes.length).forEach((node) => node.remove());
  for (const node of nodes) if (!node.piece.waveform.surfer) node.piece.waveform.seen.observe(node.piece.waveform.holder);
}
