"use strict";

// A page that is followed is written anew while its run goes on: it loads itself again, and puts back what the reader has chosen
// and where they were. What is kept travels with the entry of the browser's history, since a page from disk has no other place.
{
  const root = document.documentElement;
  const touched = new Set();
  const fields = () => [...document.querySelectorAll("input, select")];
  const nameOf = (field) => field.id || `${field.name}=${field.value}`;
  const placeOf = (prompt) => `prompt ${prompt.querySelector(".place").textContent}`;
  const details = () => [...document.querySelectorAll("details")].map((box, place) =>
    [box.matches(".prompt") ? placeOf(box) : box.id || `details ${box.querySelector("summary").textContent.trim() || place}`, box]);

  // Of a select the words count: a policy that has come in between may have moved the others.
  function valueOf(field) {
    if (field.type === "radio") return field.checked;
    return field.tagName === "SELECT" ? field.selectedOptions[0]?.textContent : field.value;
  }

  function setValue(field, value) {
    if (field.type === "radio") {
      if (!value || field.checked) return;
      field.checked = true;
    } else if (field.tagName === "SELECT") {
      const option = [...field.options].find((one) => one.textContent === value);
      if (!option || option.selected) return;
      option.selected = true;
    } else field.value = value;
    for (const kind of ["input", "change"]) field.dispatchEvent(new Event(kind, { bubbles: true }));
  }

  // What stands at the upper edge of the window: by it the place is found again where the page has become longer.
  function anchor() {
    const marks = [...document.querySelectorAll("main [id], .prompt")].filter((one) => one.getClientRects().length);
    const above = marks.filter((one) => one.getBoundingClientRect().top <= 1);
    const mark = above[above.length - 1];
    return mark && { name: mark.id || placeOf(mark), top: mark.getBoundingClientRect().top };
  }

  function keep() {
    const focused = document.activeElement;
    history.replaceState({
      fields: fields().filter((field) => touched.has(nameOf(field))).map((field) => [nameOf(field), valueOf(field)]),
      open: details().filter(([, box]) => box.open).map(([name]) => name),
      all: touched.has("show-all"),
      focused: focused?.id === "search" ? [focused.selectionStart, focused.selectionEnd] : null,
      anchor: anchor(), height: root.scrollHeight, top: scrollY,
    }, "");
  }

  function putBack(kept) {
    for (const field of fields()) {
      const found = kept.fields.find(([name]) => name === nameOf(field));
      if (found) setValue(field, found[1]);
    }
    for (const [name, box] of details()) box.open = kept.open.includes(name);
    if (kept.all) document.getElementById("show-all")?.click();
    if (kept.focused) {
      document.getElementById("search").focus({ preventScroll: true });
      document.getElementById("search").setSelectionRange(...kept.focused);
    }
    // Charts are still to come, and with them the height of the page.
    document.body.style.minHeight = `${kept.height}px`;
    scrollTo(0, kept.top);
    const wait = setInterval(() => {
      if (root.dataset.ready !== "yes") return;
      clearInterval(wait);
      document.body.style.minHeight = "";
      const all = [...document.querySelectorAll("main [id], .prompt")];
      const mark = kept.anchor && all.find((one) => (one.id || placeOf(one)) === kept.anchor.name);
      if (mark) scrollBy(0, mark.getBoundingClientRect().top - kept.anchor.top);
      root.dataset.putBack = "yes";
    }, 50);
  }

  // Not while somebody marks a passage, and not where nobody looks.
  function renew() {
    if (document.hidden || String(getSelection())) return void setTimeout(renew, 1000);
    keep();
    location.reload();
  }

  for (const kind of ["input", "change"]) document.addEventListener(kind, (event) => touched.add(nameOf(event.target)));
  document.addEventListener("click", (event) => event.target.id === "show-all" && touched.add("show-all"));
  history.scrollRestoration = history.state ? "manual" : "auto";
  if (history.state) {
    putBack(history.state);
    history.replaceState(null, "");
  }
  if (root.dataset.renewal) setTimeout(renew, 1000 * Number(root.dataset.renewal));
}
