// Small helpers of all parts. Text from people goes in as text nodes only.

export const byId = (id) => document.getElementById(id);

export function make(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "class") node.className = value;
    else if (name in node && typeof value !== "string") node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

export const button = (name, text, onclick, more = {}) =>
  make("button", { type: "button", class: name, onclick, ...more }, text);

const PATHS = {
  play: "M8 5v14l11-7z", pause: "M7 5h4v14H7zM13 5h4v14h-4z",
  more: "M5 10a2 2 0 1 0 0 4 2 2 0 0 0 0-4zm7 0a2 2 0 1 0 0 4 2 2 0 0 0 0-4zm7 0a2 2 0 1 0 0 4 2 2 0 0 0 0-4z",
  star: "M12 3l2.7 5.8 6.3.7-4.7 4.3 1.3 6.2L12 16.9 6.4 20l1.3-6.2L3 9.5l6.3-.7z",
};

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(svg.namespaceURI, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}

export class Refused extends Error { // the studio said no; `errors`: field -> text, for a form
  constructor(content, status) {
    super(content.error?.text || Object.values(content.errors || {})[0] || content.detail || `the studio answered ${status}`);
    this.errors = content.errors;
  }
}

export async function ask(path, method = "GET", body = undefined) {
  const headers = { "X-Studio": "1" };
  const plain = body !== undefined && !(body instanceof Blob);
  if (plain) headers["Content-Type"] = "application/json";
  const answer = await fetch(path, { method, headers, body: plain ? JSON.stringify(body) : body });
  if (answer.status === 204) return null;
  const content = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refused(content, answer.status);
  return content;
}

export function clock(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

// "90" and "1:30" -> 90; NaN for what is no time.
export function toSeconds(text) {
  const parts = String(text).trim().split(":").map((part) => (part === "" ? NaN : Number(part)));
  return parts.length > 2 ? NaN : parts.reduce((sum, part) => 60 * sum + part, 0);
}

export function about(seconds) {
  if (seconds < 1) return "a moment";
  return seconds < 100 ? `${Math.ceil(seconds)} s` : `${Math.round(seconds / 60)} min`;
}

let fading = 0;

// A line at the bottom of the page for a while, with something to do about it.
export function toast(text, action = "", act = null) {
  const node = byId("toast");
  clearTimeout(fading);
  node.replaceChildren(text, ...(act ? [button("quiet", action, () => { node.replaceChildren(); act(); })] : []));
  fading = setTimeout(() => node.replaceChildren(), act ? 10_000 : 5000);
}

// Does it, and tells what went wrong.
export const attempt = (act) => async (event) => {
  try {
    await act(event);
  } catch (error) {
    toast(error.message);
  }
};

export const tell = (name, detail) => document.dispatchEvent(new CustomEvent(name, { detail }));

// What a browser remembers for the person; without storage the page works all the same.
export const memory = {
  get(key) {
    try { return JSON.parse(localStorage.getItem(`studio-${key}`)); } catch { return null; }
  },
  set(key, value) {
    try { localStorage.setItem(`studio-${key}`, JSON.stringify(value)); } catch { /* private window */ }
  },
};
