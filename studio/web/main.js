// The page: its tabs with an address each, keys, and the frames of the tabs made with Gradio.

import { byId, make, tell } from "./dom.js";
import { player } from "./player.js";
import "./form.js";
import "./desk.js";
import "./library.js";
import "./compare.js";
import "./models.js";
import "./batch.js";

const tabs = [...document.querySelectorAll("[role=tab]")];
const nameOf = (tab) => tab.id.replace("tab-", "");

function show(name, options = {}) {
  const known = tabs.some((tab) => nameOf(tab) === name) ? name : "create";
  for (const tab of tabs) {
    const chosen = nameOf(tab) === known;
    tab.setAttribute("aria-selected", String(chosen));
    tab.tabIndex = chosen ? 0 : -1;
    byId(`panel-${nameOf(tab)}`).hidden = !chosen;
    if (chosen && options.focus) tab.focus();
  }
  const frame = byId(`panel-${known}`).querySelector(".frame:empty");
  if (frame) load(frame);
  tell("studio-tab", { tab: known, query: new URLSearchParams(location.search) });
}

function load(holder) {
  const frame = make("iframe", { title: holder.dataset.title, src: holder.dataset.src });
  frame.addEventListener("load", () => {
    const inside = frame.contentDocument.documentElement;
    inside.lang ||= "en";
    const { body } = frame.contentDocument; // nothing in it is as high as its window, which would grow with it
    new ResizeObserver(() => { frame.style.height = `${Math.ceil(body.getBoundingClientRect().height)}px`; }).observe(body);
  });
  holder.append(frame);
}

// A tab and what else its address says: {tab: "create", from: "sound"}.
export function open(query, { focus = false, replace = false } = {}) {
  const address = `?${new URLSearchParams(query)}`;
  if (address !== location.search) history[replace ? "replaceState" : "pushState"](null, "", address);
  show(query.tab, { focus });
  if (!replace) scrollTo(0, 0);
}

for (const tab of tabs) tab.addEventListener("click", () => open({ tab: nameOf(tab) }));

document.addEventListener("keydown", (event) => {
  const at = tabs.indexOf(document.activeElement);
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (at >= 0 && step) open({ tab: nameOf(tabs[(at + step + tabs.length) % tabs.length]) }, { focus: true });
  else if (at >= 0 && event.key === "Home") open({ tab: nameOf(tabs[0]) }, { focus: true });
  else if (at >= 0 && event.key === "End") open({ tab: nameOf(tabs.at(-1)) }, { focus: true });
  else if (event.key === " " && player.piece && !event.target.closest("input, textarea, select, button, a, summary, [role=slider]")) {
    player.toggle(player.piece);
  } else return;
  event.preventDefault();
});

document.addEventListener("studio-open", (event) => open(event.detail));
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href^='?tab=']");
  if (!link) return;
  event.preventDefault();
  open(Object.fromEntries(new URLSearchParams(link.getAttribute("href"))));
});
addEventListener("popstate", () => show(new URLSearchParams(location.search).get("tab")));
show(new URLSearchParams(location.search).get("tab"));
document.documentElement.dataset.ready = "1";
