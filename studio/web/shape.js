// The outline of a sound, with a line where it plays and one where a join is.

const NS = "http://www.w3.org/2000/svg";

function draw(tag, attributes) {
  const node = document.createElementNS(NS, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

export function shape(peaks, join = 0, onSeek = null) {
  const most = Math.max(1, ...peaks);
  const node = draw("svg", { viewBox: `0 0 ${peaks.length} 100`, preserveAspectRatio: "none",
    class: "shape", "aria-hidden": "true" });
  node.append(draw("path", { d: peaks.map((peak, i) => {
    const half = Math.max(1, 48 * peak / most);
    return `M${i + 0.5} ${50 - half}V${50 + half}`;
  }).join("") }));
  if (join > 0) {
    const x = join * peaks.length;
    node.append(draw("line", { class: "shape-join", x1: x, x2: x, y1: 0, y2: 100 }));
  }
  const now = draw("line", { class: "shape-now", x1: 0, x2: 0, y1: 0, y2: 100 });
  node.append(now);
  if (onSeek) {
    node.addEventListener("click", (event) => {
      const box = node.getBoundingClientRect();
      onSeek((event.clientX - box.left) / box.width);
    });
  }
  return { node, mark(share) {
    now.setAttribute("x1", share * peaks.length);
    now.setAttribute("x2", share * peaks.length);
  } };
}
