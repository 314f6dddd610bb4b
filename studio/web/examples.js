// The shipped examples: heard at a press, and brought into the form by another.

import { claimSound, make } from "./dom.js";

class StudioExamples extends HTMLElement {
  connectedCallback() {
    if (this.audio) return;
    this.audio = make("audio", { preload: "none", onended: () => this.pause(), onerror: () => this.fail() });
    this.message = make("p", { class: "card-message", "aria-live": "polite" });
    const pieces = JSON.parse(this.dataset.pieces);
    this.append(
      make("h2", { class: "desk-title" }, "Examples"),
      make("ul", { class: "example-list" }, ...pieces.map((piece, number) => make("li", {},
        make("button", { type: "button", class: "quiet-button example-play", "aria-label": `Play: ${piece.prompt}`,
          onclick: (event) => this.toggle(event.currentTarget, piece) }, "Play"),
        make("button", { type: "button", class: "example-fill", title: "Fill the form with this example",
          onclick: () => this.fill(number) },
        make("span", {}, piece.prompt), " ", make("span", { class: "example-seed" }, `seed ${piece.seed}`))))),
      this.message, this.audio);
    document.addEventListener("studio-sound", (event) => event.detail !== this && this.pause());
  }

  get sounds() {
    return Boolean(this.playing);
  }

  toggle(button, piece) {
    const again = this.playing === button;
    this.pause();
    if (again) return;
    claimSound(this);
    this.playing = button;
    button.textContent = "Stop";
    this.message.textContent = "";
    this.audio.src = `/studio/examples/${piece.file}`;
    this.audio.play().catch(() => {}); // an error is told by onerror, a pause is no error
  }

  pause() {
    this.audio.pause();
    if (this.playing) this.playing.textContent = "Play";
    this.playing = null;
  }

  fail() {
    this.pause();
    this.message.textContent = "This example cannot be played here; reload the page and try again.";
  }

  fill(number) {
    window.studio.bridge("fill", String(number));
    this.message.textContent = "The form holds this example, seed and all: Generate makes it again.";
    document.getElementById("create-prompt").scrollIntoView({ block: "nearest" });
    document.getElementById("create-generate").focus({ preventScroll: true });
  }
}

customElements.define("studio-examples", StudioExamples);
