// The open listening tests of this studio, each to be started here, and public results.

import { make, show } from "./elements.js";
import { publicTable } from "./table.js";

export async function listStudies(studies) {
  const cards = studies.map(card);
  show(make("h1", {}, "Listening tests"),
    make("p", {}, studies.length
      ? "Choose one and rate what you hear. Names of the systems stay hidden."
      : "No listening test is open now."),
    ...cards.map(({ node }) => node),
    make("p", { class: "hint" }, "Whoever has the admin token makes a study in the tab Results."));
  for (const { study, results } of cards) {
    if (study.is_public) {
      publicTable(study.name).then((table) => results.append(table), () => {});
    }
  }
}

function card(study) {
  const results = make("div", { class: "results" });
  const facts = `${study.method} · ${study.trials} trials · about ${minutes(study.minutes)}`;
  const node = make("section", { class: "study", "data-study": study.name },
    make("h2", {}, study.title), make("p", { class: "facts" }, facts),
    make("a", { class: "button main", href: `rate?study=${encodeURIComponent(study.name)}` },
      "Start"), results);
  return { study, node, results };
}

function minutes(count) {
  return count < 1.5 ? "1 minute" : `${Math.round(count)} minutes`;
}
