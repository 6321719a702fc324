"use strict";

{
  const given = JSON.parse(document.getElementById("charts").textContent);
  // "ast" lets Vega interpret its expressions: the page's content policy does not allow it to compile them.
  const options = { actions: false, ast: true, renderer: "svg" };
  const drawn = new Map();

  // Every chart gets rows of its own, with the numbers that it needs: Vega marks the rows that it is given.
  function rowsFor(figure) {
    const wanted = given.columns.map((name, place) => [name, place])
      .filter(([name]) => !name.includes("/") || figure.columns.includes(name));
    return given.rows.map((row) => Object.fromEntries(wanted.map(([name, place]) => [name, row[place]])));
  }

  async function draw(figure, over) {
    const place = document.getElementById(`chart-${figure.id}`);
    const chart = structuredClone(figure.chart);
    if (figure.columns.length) chart.datasets = { steps: rowsFor(figure) };
    if (figure.follows && over === "seconds") {
      chart.encoding.x.field = over;
      delete chart.encoding.x.axis.tickMinStep;
    }
    if (drawn.has(figure.id)) drawn.get(figure.id).finalize();
    drawn.set(figure.id, await vegaEmbed(place, chart, options));
  }

  async function drawAll(figures, over) {
    for (const figure of figures) await draw(figure, over);
  }

  async function start() {
    for (const choice of document.querySelectorAll("input[name=over]")) {
      choice.addEventListener("change", () => drawAll(given.figures.filter((figure) => figure.follows), choice.value));
    }
    await drawAll(given.figures, "step");
    document.documentElement.dataset.ready = "yes";
  }

  start();
}
