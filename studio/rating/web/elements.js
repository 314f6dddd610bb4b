// Makes elements. Every text goes in as a text node, never as markup.

export function make(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

export function button(text, onclick, properties = {}) {
  return make("button", { type: "button", onclick, ...properties }, text);
}

// Shows a screen and moves the reader of the page to its start.
export function show(...children) {
  const screen = document.getElementById("screen");
  screen.replaceChildren(...children.filter(Boolean));
  window.scrollTo(0, 0);
  screen.focus({ preventScroll: true });
}

let forgetting = 0;

// What is no longer so after a moment is taken away again.
export function say(text, milliseconds = 0) {
  const status = document.getElementById("status");
  clearTimeout(forgetting);
  status.textContent = text;
  if (milliseconds) forgetting = setTimeout(() => { status.textContent = ""; }, milliseconds);
}

// Takes a text away that is no longer so, if it is still shown.
export function unsay(text) {
  const status = document.getElementById("status");
  if (status.textContent === text) status.textContent = "";
}

export function clock(seconds) {
  const whole = Math.floor(Math.max(0, seconds) + 0.05);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
