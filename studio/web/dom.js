// Small helpers of all elements. Text from people goes in as text nodes only.

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

export async function ask(path, method = "GET", body = undefined) {
  const headers = { "X-Studio": "1" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const answer = await fetch(path, {
    method, headers, body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (answer.status === 204) return null;
  const content = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    throw new Error(content.error?.text || content.detail || `the studio answered ${answer.status}`);
  }
  return content;
}

export function clock(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

export function about(seconds) {
  if (seconds < 1) return "a moment";
  if (seconds < 100) return `${Math.ceil(seconds)} s`;
  return `${Math.round(seconds / 60)} min`;
}

// One sound at a time: whoever starts tells the others. Its `sounds` says whether it still does.
let heard = null;

export function claimSound(owner) {
  heard = owner;
  document.dispatchEvent(new CustomEvent("studio-sound", { detail: owner }));
}

export function somethingSounds() {
  return Boolean(heard?.sounds);
}
