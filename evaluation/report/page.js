// A clicked point plays its item; one clip plays at a time.
const players = [...document.querySelectorAll("audio")];
for (const player of players) {
  player.addEventListener("play", () => {
    for (const other of players) if (other !== player) other.pause();
  });
}
for (const chart of document.querySelectorAll(".plotly-graph-div")) {
  if (!chart.on) continue;
  chart.on("plotly_click", (event) => {
    const [system, item] = event.points[0].customdata || [];
    const player = players.find((p) => p.dataset.item === item && p.dataset.system === system);
    if (!player) return;
    player.scrollIntoView({ block: "center" });
    player.play();
  });
}
