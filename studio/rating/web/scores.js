// The questions of a trial: one row of large buttons an axis, by thumb or by key.

import { make } from "./elements.js";

export class Scores {
  constructor(axes, [low, high], inWords = false) {
    this.axes = axes;
    this.inWords = inWords;
    this.low = low;
    this.high = high;
    this.minus = false;
    this.rows = axes.map((axis, index) => this.row(axis, index));
  }

  row(axis, index) {
    const word = make("p", { class: "word" });
    const options = axis.points.map((point, step) => {
      const score = this.low + step;
      const input = make("input", {
        type: "radio", name: `axis-${index}`, value: score, "aria-label": `${score}: ${point}`,
        onchange: () => {
          word.textContent = point;
          row.classList.add("answered");
        },
      });
      return make("label", { class: "score", title: point }, input,
        make("span", { "aria-hidden": "true" },
          this.inWords ? point : signed(score, this.low < 0)));
    });
    const row = make("fieldset", { class: "axis", disabled: true },
      make("legend", {}, make("b", {}, axis.label), " ",
        make("span", { class: "question" }, axis.question)),
      make("div", { class: this.inWords ? "points words" : "points" }, ...options),
      this.inWords ? null : make("div", { class: "ends", "aria-hidden": "true" },
        make("span", {}, axis.points[0]), make("span", {}, axis.points.at(-1))), word);
    return row;
  }

  set enabled(on) {
    for (const row of this.rows) row.disabled = !on;
  }

  get enabled() {
    return !this.rows[0].disabled;
  }

  get values() {
    return Object.fromEntries(this.axes.map((axis, index) => {
      const chosen = this.rows[index].querySelector("input:checked");
      return [axis.name, chosen ? Number(chosen.value) : null];
    }));
  }

  get complete() {
    return Object.values(this.values).every((score) => score !== null);
  }

  // A digit answers the axis in focus, else the first open one; "-" makes the next negative.
  key(key) {
    if (!this.enabled) return false;
    if (key === "-" && this.low < 0) {
      this.minus = true;
      return true;
    }
    if (!/^[0-9]$/.test(key)) return false;
    const score = this.minus ? -Number(key) : Number(key);
    this.minus = false;
    if (score < this.low || score > this.high) return false;
    const row = this.rows.find((each) => each.contains(document.activeElement))
      || this.rows.find((each) => !each.querySelector("input:checked")) || this.rows.at(-1);
    row.querySelector(`input[value="${score}"]`).click();
    const next = this.rows[this.rows.indexOf(row) + 1];
    (next?.querySelector("input:checked") || next?.querySelector("input"))?.focus();
    return true;
  }
}

function signed(score, withSign) {
  return score > 0 && withSign ? `+${score}` : String(score).replace("-", "−");
}
