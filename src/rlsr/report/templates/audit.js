"use strict";

const charts = JSON.parse(document.getElementById("charts").textContent);
// "ast" lets Vega interpret its expressions: the page's content policy does not allow it to compile them.
const options = { actions: false, ast: true, renderer: "svg" };

async function draw(name) {
  const place = document.getElementById(`${name}-chart`);
  if (!place) return null;
  const chart = charts[name];
  const axis = chart.encoding?.y.axis;
  if (axis && place.clientWidth < 520) {
    // On a narrow screen the names take no width: each stands above its mark.
    Object.assign(axis, { labelAlign: "left", labelPadding: -2, labelOffset: -14 });
    chart.height *= 1.6;
  }
  return (await vegaEmbed(place, chart, options)).view;
}

function showExamples() {
  const attack = document.getElementById("examples-attack").value;
  const words = document.getElementById("examples-search").value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const example of document.querySelectorAll(".example")) {
    const text = example.textContent.toLowerCase();
    const fits = (!attack || example.dataset.attack === attack) && words.every((word) => text.includes(word));
    example.hidden = !fits;
    shown += fits ? 1 : 0;
  }
  const all = document.querySelectorAll(".example").length;
  document.getElementById("examples-count").value = shown === all ? `${all} examples` : `${shown} of ${all} examples`;
}

function chooseExamples(attack) {
  document.getElementById("examples-attack").value = attack;
  document.getElementById("examples-search").value = "";
  showExamples();
}

async function start() {
  if (document.getElementById("examples")) {
    document.getElementById("examples-attack").addEventListener("change", showExamples);
    document.getElementById("examples-search").addEventListener("input", showExamples);
    // All at once are a long read: begin with the worst attack.
    chooseExamples(document.querySelector("#examples-attack [data-first]").value);
    for (const link of document.querySelectorAll("a[data-attack]")) {
      link.addEventListener("click", () => chooseExamples(link.dataset.attack));
    }
  }
  await draw("attacks");
  const rewards = await draw("rewards");
  const attack = document.getElementById("rewards-attack");
  if (rewards && attack) {
    const choose = () => rewards.signal("attack", attack.value).runAsync();
    attack.addEventListener("change", choose);
    await choose();
  }
  document.documentElement.dataset.ready = "yes";
}

start();
