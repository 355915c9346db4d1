// Filters, the histograms that follow them, and the keys. What is shown stands in the address, so that it can be passed on.
"use strict";

const chosen = new Set();
const counts = new Map(words.status.map((status) => [status, tests.filter((test) => test.status === status).length]));
const wrong = tests.filter((test) => !test.good).length;
const chips = [...(wrong ? [[BAD, wrong]] : []), ...counts].filter(([, count]) => count).map(([status, count]) => {
  const chip = make("button", { type: "button", "aria-pressed": "false" }, `${SIGNS[status] || (status === BAD ? "✕" : "✓")} ${status} ${count.toLocaleString("en")}`);
  chip.dataset.status = status;
  chip.addEventListener("click", () => { choose(status, !chosen.has(status)); filter(); });
  return chip;
});
field("statuses").append(...chips);
function choose(status, on) {
  if (on) chosen.add(status);
  else chosen.delete(status);
  for (const chip of chips) chip.setAttribute("aria-pressed", String(chosen.has(chip.dataset.status)));
}
for (const [id, options] of [["family", words.family], ["check", words.check], ["place", places]]) {
  field(id).append(make("option", { value: "" }, "all"), ...options.map((name) => make("option", { value: name }, name)));
}

function filter() {
  const asked = field("text").value.toLowerCase().split(/\s+/).filter(Boolean);
  const [family, check, place] = ["family", "check", "place"].map((id) => field(id).value);
  const fits = (test) => (!family || test.family === family) && (!check || test.check === check) && (!place || test.place === place)
    && (!chosen.size || chosen.has(test.status) || (chosen.has(BAD) && !test.good)) && asked.every((word) => test.searched.includes(word));
  const shown = tests.filter((test) => { test.shown = fits(test); return test.shown; });
  for (const row of rows) {
    const hidden = !row.tests.some((test) => test.shown);
    row.line.hidden = hidden;
    if (row.open) row.open.line.hidden = hidden;
    for (const test of row.tests) test.button.classList.toggle("dim", !test.shown);
  }
  for (const { section, caption, tests: mine } of families) {
    const count = mine.filter((test) => test.shown).length;
    section.hidden = !count;
    caption.textContent = `${count.toLocaleString("en")} ${count === 1 ? "test" : "tests"}`;
    const stops = mine.filter((test) => test.button.tabIndex === 0);
    for (const test of stops) test.button.tabIndex = -1;
    const stop = stops.find((test) => test.shown) || mine.find((test) => test.shown);
    if (stop) stop.button.tabIndex = 0;
  }
  field("shown").textContent = shown.length ? `${shown.length.toLocaleString("en")} of ${tests.length.toLocaleString("en")} tests` : "No test fits these filters.";
  field("clear").hidden = !(asked.length || family || check || place || chosen.size);
  histograms(shown);
  remember();
}

const bare = (name) => name.replace("≤ ", "").replace(" ", "\u2009");
function legend(measure) {
  const swatch = (style, sign, name) => make("li", {}, make("i", { class: `cell ${style}`, "aria-hidden": "true" }, sign), name);
  field("legend").replaceChildren(...data[measure].labels.map((name, at) => swatch(`b${at}`, "", name)),
    ...Object.entries(SIGNS).map(([status, sign]) => swatch(style(status), sign, status)));
}

function histograms(shown) {
  const measure = field("color").value;
  const scale = data[measure];
  const panels = places.map((place) => {
    const mine = shown.filter((test) => test.place === place && test.compared);
    if (!mine.length) return null;
    const found = scale.labels.map(() => 0);
    for (const test of mine) found[bin(test[measure], scale)] += 1;
    const most = Math.max(...found);
    const sorted = mine.map((test) => test[measure]).sort((a, b) => a - b);
    const middle = sorted[Math.floor((sorted.length - 1) / 2)];
    const equal = mine.reduce((sum, test) => sum + test.equal, 0) / mine.length;
    const nearest = Math.max(...mine.map((test) => test.share));
    const bars = make("div", { class: "bars" });
    for (const count of found) {
      const bar = make("i", { class: `b${bars.children.length}` });
      bar.style.height = `${(count / most) * 4}rem`;
      bar.hidden = !count;
      bars.append(make("div", {}, count ? count.toLocaleString("en") : "", bar));
    }
    bars.append(...scale.labels.map((name) => make("span", {}, bare(name))));
    const said = measure === "ulp" ? `${precise(middle)} ULP` : percent(middle);
    return make("div", { class: "histogram", role: "img", "aria-label": `${place}: ${scale.labels.map((name, at) => `${name}: ${found[at]}`).join(", ")}` },
      make("h3", {}, place),
      make("p", {}, `median ${said}; nearest to its limit ${percent(nearest)}; bit-equal ${percent(equal)}`), bars);
  });
  field("histograms").replaceChildren(...panels.filter(Boolean));
  field("scale-note").textContent = measure === "ulp"
    ? "Tests by their largest error, up to so many units in the last place (ULP) of the tensor's scale. Gradients in float64 are judged by difference quotients, which are good to 1e-10 themselves: thousands of ULP are the expected answer there."
    : "Tests by the largest share of its limit that an error takes.";
}

// -- what is shown stands in the address, so that it can be passed on ----------------------------------------------
function remember() {
  const state = new URLSearchParams();
  for (const id of ["text", "family", "check", "place"]) if (field(id).value) state.set(id, field(id).value);
  if (field("color").value !== "ulp") state.set("color", field("color").value);
  for (const status of chosen) state.append("outcome", status);
  for (const { open } of rows) if (open) state.append("open", open.test.id);
  history.replaceState(null, "", state.size ? `#${state}` : location.pathname + location.search);
}
function recall() {
  if (/^#[\w-]+$/.test(location.hash)) return;  // a place in the page
  const state = new URLSearchParams(location.hash.slice(1));
  for (const id of ["text", "family", "check", "place"]) field(id).value = state.get(id) || "";
  if (state.get("color") === "share") field("color").value = "share";
  for (const status of state.getAll("outcome")) choose(status, true);
  const open = new Set(state.getAll("open"));
  for (const test of tests) if (open.has(test.id)) toggle(test);
}

// -- events --------------------------------------------------------------------------------------------------------
const at = (event) => { const cell = event.target.closest(".cell"); return cell && tests[Number(cell.dataset.at)]; };
field("matrix").addEventListener("click", (event) => {
  const test = at(event);
  if (test) { focus(test.button); toggle(test); }
});
function focus(button) {
  for (const other of button.closest("table").querySelectorAll('.cell[tabindex="0"]')) other.tabIndex = -1;
  button.tabIndex = 0;
  button.focus();
}
field("matrix").addEventListener("keydown", (event) => {
  const test = at(event);
  if (event.key === "Escape") {
    const row = rows.find(({ open }) => open && (open.line.contains(event.target) || (test && open.test.row === test.row)));
    if (row) { const { test: opened } = row.open; toggle(opened); focus(opened.button); }
    return;
  }
  const [down, right] = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] }[event.key] || [0, 0];
  if (!test || (!down && !right)) return;
  event.preventDefault();
  const lines = [...test.button.closest("tbody").children].filter((line) => !line.hidden && !line.classList.contains("opened"));
  let line = lines.indexOf(test.row.line);
  let column = [...test.row.line.children].indexOf(test.button.parentElement);
  for (;;) {
    line += down;
    column += right;
    const cell = lines[line] && lines[line].children[column];
    if (!cell) return;
    const button = cell.querySelector("button");
    if (button) { focus(button); return; }
  }
});
for (const id of ["family", "check", "place"]) field(id).addEventListener("change", filter);
field("text").addEventListener("input", filter);
field("color").addEventListener("change", () => { color(); filter(); });
field("filters").addEventListener("submit", (event) => event.preventDefault());
field("clear").addEventListener("click", () => {
  for (const id of ["text", "family", "check", "place"]) field(id).value = "";
  for (const status of [...chosen]) choose(status, false);
  filter();
  field("text").focus();
});
const bad = field("show-bad");
if (bad) bad.addEventListener("click", () => { choose(BAD, true); filter(); field("filters").scrollIntoView(); });
function color() {
  paint(field("color").value);
  legend(field("color").value);
}
recall();
color();
filter();
