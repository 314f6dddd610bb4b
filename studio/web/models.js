// The Models tab: written by the studio, fetched when it is opened; downloads are followed.

import { ask, attempt, byId } from "./dom.js";

const holder = byId("models");
let timer = 0;

async function load() {
  const answer = await fetch("studio/models");
  if (!answer.ok) throw new Error(`the studio answered ${answer.status}`);
  const open = [...holder.querySelectorAll("details[open]")].map(({ id }) => id);
  holder.innerHTML = await answer.text(); // the studio's own markup; cards are sanitized there
  for (const id of open) byId(id)?.setAttribute("open", "");
  clearTimeout(timer);
  if (holder.querySelector("[data-running]")) timer = setTimeout(() => load().catch(() => {}), 1500);
}

document.addEventListener("studio-tab", attempt(async ({ detail }) => detail.tab === "models" && load()));
holder.addEventListener("click", attempt(async ({ target }) => {
  if (target.closest(".models-refresh")) await load();
  const wanted = target.closest("[data-download]");
  if (!wanted) return;
  await ask(`studio/models/${wanted.dataset.download}/download`, "POST");
  await load();
}));
