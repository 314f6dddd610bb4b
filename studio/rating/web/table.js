// The live table of a study whose results are public: means with their intervals, drawn and told.

import { make } from "./elements.js";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 300;
const HEIGHT = 22;

export async function publicTable(name) {
  const reply = await fetch(`rate/public/${encodeURIComponent(name)}`);
  if (!reply.ok) return make("p", {}, "Results cannot be shown now.");
  const found = await reply.json();
  const counted = `${found.raters} raters (${found.finished} finished), ${found.answers} answers`;
  const body = make("tbody");
  let axis = null;
  for (const row of found.rows) {
    if (row.axis !== axis) {
      axis = row.axis;
      body.append(make("tr", {}, make("th", { colspan: 5, scope: "rowgroup" }, axis)));
    }
    body.append(line(row, range(found)));
  }
  const heads = ["System", "Mean ± 95 %", "Raters", "Items", "Ratings"];
  const table = make("table", {},
    make("thead", {}, make("tr", {}, ...heads.map((text) => make("th", { scope: "col" }, text)))),
    body);
  return make("div", { class: "public" }, make("h3", {}, "Results so far"),
    make("p", { class: "counted" }, counted),
    found.rows.length ? make("div", { class: "wide" }, table) : null,
    make("p", { class: "facts" }, found.note));
}

// What the plot shows: the scale, or for strengths all of their intervals.
function range(found) {
  const edges = found.rows.flatMap(({ mean, half }) => [mean - (half || 0), mean + (half || 0)]);
  const [low, high] = found.scale;
  return edges.every((edge) => edge >= low && edge <= high) ? [low, high]
    : [Math.min(...edges), Math.max(...edges)];
}

function line(row, [low, high]) {
  const half = row.half === null ? "" : ` ± ${row.half.toFixed(2)}`;
  const told = row.mean === null ? "–" : row.mean.toFixed(2) + half;
  const why = row.half === null && row.note ? make("small", {}, row.note) : null;
  const cell = make("td", {}, make("span", { class: "mean" }, told), why,
    row.mean === null ? null : plot(row, low, high));
  return make("tr", {}, make("th", { scope: "row" }, row.system), cell,
    ...[row.raters, row.items, row.ratings].map((n) => make("td", { class: "count" }, String(n))));
}

function plot(row, low, high) {
  const at = (value) => 8 + (WIDTH - 16) * (value - low) / ((high - low) || 1);
  const svg = draw("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, "aria-hidden": "true" });
  svg.append(draw("line", { class: "scale", x1: 8, x2: WIDTH - 8, y1: 11, y2: 11 }));
  if (row.half !== null) {
    svg.append(draw("line", { class: "interval", x1: Math.max(0, at(row.mean - row.half)),
      x2: Math.min(WIDTH, at(row.mean + row.half)), y1: 11, y2: 11 }));
  }
  svg.append(draw("circle", { class: "dot", cx: at(row.mean), cy: 11, r: 5 }));
  return svg;
}

function draw(tag, attributes) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}
