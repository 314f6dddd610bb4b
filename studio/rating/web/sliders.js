// The scores of a MUSHRA screen: a slider from 0 to 100 for every clip, beside its button.

import { make } from "./elements.js";
import { sideButton } from "./listen.js";

export class Sliders {
  // clips: names in the order of the rows; the player's clip 0 is the open reference.
  constructor(axis, [low, high], clips, player, words) {
    Object.assign(this, { axis, low, high, clips, player, words, scored: clips.map(() => false) });
    this.inputs = [];
    this.rows = [make("section", { class: "axis screen", "aria-label": axis.label },
      make("p", { class: "question" }, axis.question),
      make("div", { class: "scale-ends", "aria-hidden": "true" },
        make("span", {}, `${low} ${axis.points[0]}`),
        ...axis.points.slice(1, -1).map((point) => make("span", { class: "between" }, point)),
        make("span", {}, `${axis.points.at(-1)} ${high}`)),
      ...clips.map((_, index) => this.row(index)))];
  }

  row(index) {
    const value = make("output", { class: "value" }, "–");
    const word = make("small", {}, "");
    const input = make("input", { type: "range", class: "rating", min: this.low, max: this.high,
      step: 1, value: this.low, disabled: true, "aria-label": `${index + 1}: ${this.axis.label}`,
      "aria-valuetext": this.words.not_scored });
    const take = () => {
      this.scored[index] = true;
      value.textContent = input.value;
      word.textContent = this.word(Number(input.value));
      input.setAttribute("aria-valuetext", `${input.value}, ${word.textContent}`);
      input.classList.add("scored");
    };
    input.addEventListener("input", take);
    input.addEventListener("click", take); // also the lowest score, where the thumb stands already
    this.inputs.push(input);
    return make("div", { class: "slider" }, sideButton(this.player, String(index + 1), index + 1),
      input, make("span", { class: "told" }, value, word));
  }

  // The word of the range that a score lies in.
  word(score) {
    const { points } = this.axis;
    const width = (this.high - this.low) / points.length;
    return points[Math.min(points.length - 1, Math.floor((score - this.low) / width))];
  }

  // A slider opens once its clip was heard for `share`. Returns: what is missing, as a text.
  update(share) {
    const names = [this.words.reference, ...this.clips.map((_, index) => String(index + 1))];
    const unheard = names.filter((_, index) => this.player.heard[index] < share);
    this.inputs.forEach((input, index) => {
      input.disabled = this.player.heard[index + 1] < share;
    });
    const unscored = names.slice(1).filter((_, index) => !this.scored[index]);
    const [text, left] = unheard.length ? [this.words.left_to_hear, unheard]
      : [this.words.left_to_score, unscored];
    return left.length ? text.replace("{clips}", left.join(", ")) : "";
  }

  get complete() {
    return this.scored.every(Boolean);
  }

  get values() {
    return Object.fromEntries(this.clips.map((name, index) =>
      [name, Number(this.inputs[index].value)]));
  }

  // 0 chooses the reference, 1 to 9 a clip.
  key(key) {
    if (!/^[0-9]$/.test(key) || Number(key) > this.clips.length) return false;
    this.player.choose(Number(key));
    return true;
  }
}
