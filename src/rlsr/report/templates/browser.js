"use strict";

// The prompts with everybody's answers. All texts are the user's: they are only ever set as textContent.
if (document.getElementById("browser-data")) {
  const book = JSON.parse(document.getElementById("browser-data").textContent);
  const list = document.getElementById("prompts");
  let mostShown = 30;
  const field = (name) => document.getElementById(name);

  function element(tag, className, text) {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  function written(value, metric, sign) {
    if (value === null || value === undefined) return "–";
    const text = value.toFixed(metric.digits).replace("-", "−");
    return sign && value > 0 ? `+${text}` : text;
  }

  const seed = () => field("seed").value;
  const metric = () => book.metrics[field("metric").value];

  // A policy without the chosen seed, as one before training, answers with its first.
  function answerOf(prompt, policy) {
    const place = book.policies[policy].seeds.indexOf(seed());
    return prompt.answers[policy][place < 0 ? 0 : place];
  }

  function gainOf(prompt, policy) {
    const place = Number(field("metric").value);
    const own = answerOf(prompt, policy)[1][place];
    const other = answerOf(prompt, Number(field("against").value))[1][place];
    if (own === null || other === null) return null;
    if (metric().better === "lower") return other - own;
    if (metric().better === "near_one") return Math.abs(other - 1) - Math.abs(own - 1);
    return own - other;
  }

  function toneOf(gain) {
    return gain === null || gain === 0 ? "even" : gain > 0 ? "good" : "bad";
  }

  function gainMark(gain) {
    const symbol = gain === null || gain === 0 ? "" : gain > 0 ? "▲ " : "▼ ";
    return element("span", `gain number ${toneOf(gain)}`, symbol + written(gain, metric(), true));
  }

  function textBlock(title, place, marks) {
    const block = element("div", "text");
    if (title) block.append(title);
    const words = element("div", "words");
    words.dir = "auto";
    const [text, rest] = book.texts[place];
    if (!text.trim()) words.append(element("em", "", text ? "(only white space)" : "(empty)"));
    let done = 0;
    for (const [start, end] of marks || []) {
      words.append(text.slice(done, start), element("mark", "", text.slice(start, end)));
      done = end;
    }
    if (text.trim()) words.append(text.slice(done));
    if (rest) words.append(element("em", "", ` […${rest} more characters]`));
    block.append(words);
    if (marks) block.append(element("p", "small", "Marked: the passage that breaks the repetition rule."));
    return block;
  }

  function answerBlock(prompt, policy) {
    const answer = answerOf(prompt, policy);
    const title = element("h4");
    title.append(element("bdi", "", book.policies[policy].name), " ");
    title.append(element("span", "number", written(answer[1][field("metric").value], metric())), " ");
    if (policy === Number(field("against").value)) title.append(element("span", "quiet", "baseline"));
    else title.append(gainMark(gainOf(prompt, policy)));
    return textBlock(title, answer[0], answer[2]);
  }

  function scoreTable(prompt) {
    const box = element("div", "wide");
    const table = element("table", "scores");
    const head = table.createTHead().insertRow();
    head.append(element("td"));
    for (const policy of book.policies) {
      const name = element("th", "", policy.name);
      name.scope = "col";
      head.append(name);
    }
    const body = table.createTBody();
    for (const [place, measure] of book.metrics.entries()) {
      const row = body.insertRow();
      if (String(place) === field("metric").value) row.className = "chosen";
      const name = element("th", "", measure.label + (measure.inReward ? " (in the reward)" : ""));
      name.scope = "row";
      row.append(name);
      for (const policy of book.policies.keys()) {
        row.append(element("td", "number", written(answerOf(prompt, policy)[1][place], measure)));
      }
    }
    box.append(table);
    return box;
  }

  function fill(item) {
    const prompt = item.prompt;
    const content = element("div", "content");
    const given = element("div", "texts");
    given.append(textBlock(element("h4", "", "Prompt"), prompt.prompt));
    for (const [place, text] of prompt.references.entries()) {
      const number = prompt.references.length > 1 ? ` ${place + 1}` : "";
      given.append(textBlock(element("h4", "", `Reference${number}`), text));
    }
    const answers = element("div", "texts answers");
    for (const policy of book.policies.keys()) answers.append(answerBlock(prompt, policy));
    content.append(given, answers, scoreTable(prompt));
    item.box.querySelector(".content")?.remove();
    item.box.append(content);
    // What scrolls must be reached by keyboard; what does not would only be in the way.
    for (const words of content.querySelectorAll(".words, .wide")) {
      if (words.scrollHeight > words.clientHeight || words.scrollWidth > words.clientWidth) words.tabIndex = 0;
    }
  }

  const items = book.prompts.map((prompt, order) => {
    const box = element("details", "prompt");
    const head = element("summary");
    const words = element("span", "line", book.texts[prompt.prompt][0]);
    words.dir = "auto";
    head.append(element("span", "quiet number place", String(order + 1)), words);
    if (prompt.category) head.append(element("span", "tag", prompt.category));
    const mark = element("span");
    head.append(mark);
    box.append(head);
    const item = { prompt, order, box, head, mark, gain: null, search: "" };
    // What is closed has no content: a thousand prompts would be slow otherwise.
    box.addEventListener("toggle", () => box.open && !box.querySelector(".content") && fill(item));
    return item;
  });

  function searchText({ prompt }) {
    const places = [prompt.prompt, ...prompt.references, ...book.policies.map((_, policy) => answerOf(prompt, policy)[0])];
    return [prompt.id, ...places.map((place) => book.texts[place][0])].join("\n").toLowerCase();
  }

  function sorted() {
    const order = field("order").value;
    if (order === "data") return [...items].sort((one, other) => one.order - other.order);
    const sign = order === "gain" ? -1 : 1;
    // What was not scored stands last in both orders.
    const rank = (item) => (item.gain === null ? Infinity : sign * item.gain);
    return [...items].sort((one, other) => (rank(one) === rank(other) ? one.order - other.order : rank(one) - rank(other)));
  }

  // In their order, those that fit; the first ones are enough to begin with.
  function show() {
    const category = field("category").value;
    const words = field("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const order = sorted();
    list.append(...order.map((item) => item.box));
    const found = order.filter((item) => (!category || item.prompt.category === category) && words.every((word) => item.search.includes(word)));
    for (const item of items) item.box.hidden = true;
    for (const item of found.slice(0, mostShown)) item.box.hidden = false;
    const all = items.length;
    field("count").value = found.length === all ? `${all} prompts.` : `${found.length} of ${all} prompts.`;
    field("show-all").hidden = found.length <= mostShown;
    field("show-all").textContent = `Show all ${found.length}`;
  }

  function measure() {
    for (const item of items) {
      item.gain = gainOf(item.prompt, Number(field("policy").value));
      const mark = gainMark(item.gain);
      item.mark.replaceWith(mark);
      item.mark = mark;
      item.box.querySelector(".content")?.remove();
      if (item.box.open) fill(item);
    }
    show();
  }

  function changeSeed() {
    for (const item of items) item.search = searchText(item);
    measure();
  }

  function showAll() {
    mostShown = Infinity;
    show();
  }

  function addOptions(select, names, chosen) {
    for (const [value, name] of names) {
      const option = element("option", "", name);
      option.value = value;
      option.selected = value === chosen;
      select.append(option);
    }
  }

  function move(event) {
    const way = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!way || !event.target.matches("summary")) return;
    const shown = [...list.querySelectorAll(".prompt:not([hidden]) > summary")];
    const next = shown[shown.indexOf(event.target) + way];
    if (next) next.focus();
    event.preventDefault();
  }

  function startSearch(event) {
    if (event.key !== "/" || event.target.matches("input, select, textarea")) return;
    event.preventDefault();
    field("search").focus();
  }

  const names = book.policies.map(({ name }, place) => [String(place), name]);
  addOptions(field("policy"), names, String(book.policy));
  addOptions(field("against"), names, String(book.baseline));
  addOptions(field("metric"), book.metrics.map(({ label }, place) => [String(place), label]), String(book.metric));
  addOptions(field("seed"), book.seeds.map((name) => [name, name]), book.seeds[0]);
  const categories = [...new Set(book.prompts.map((prompt) => prompt.category).filter(Boolean))].sort();
  addOptions(field("category"), categories.map((name) => [name, name]), "");
  field("category-label").hidden = categories.length < 2;
  field("seed-label").hidden = book.seeds.length < 2;
  field("search").addEventListener("input", show);
  for (const name of ["category", "order"]) field(name).addEventListener("change", show);
  field("show-all").addEventListener("click", showAll);
  field("seed").addEventListener("change", changeSeed);
  for (const name of ["policy", "against", "metric"]) field(name).addEventListener("change", measure);
  list.addEventListener("keydown", move);
  document.addEventListener("keydown", startSearch);
  changeSeed();
  items[0].box.open = true;
}
