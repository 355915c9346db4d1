// The facts of a run as a table per family: a row per case, a column per check and place. A cell opens to all that is known.
"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const { words } = data;
const good = new Set(data.good);
const SIGNS = { failed: "✕", error: "!", deviation: "△", stale: "◇", "not implemented": "–" };
// Every outcome that does not let the suite pass.
const BAD = "does not pass";
const number = (value) => (typeof value === "string" ? Number(value.replace("inf", "Infinity")) : value);

const tests = data.outcomes.map((row, at) => {
  const [backend, dtype, family, check, name, status, ulp, share, equal, seconds, compared, classes, message, command, figures] = row;
  const test = {
    at, backend: words.backend[backend], dtype: words.dtype[dtype], family: words.family[family], check: words.check[check],
    name: words.case[name], status: words.status[status], ulp: number(ulp), share: number(share), equal, seconds, compared,
    classes, message, command,
    figures: figures.map(([what, error, limit, ulps, relative, same, where, passed]) => ({
      what, error: number(error), limit: number(limit), ulp: number(ulps), relative: number(relative), equal: same, where, passed,
    })),
  };
  test.place = `${test.backend} ${test.dtype}`;
  test.id = [test.backend, test.dtype, test.family, test.check, test.name].join("-");
  test.searched = `${test.id} ${classes.join(" ")}`.toLowerCase();
  test.good = good.has(test.status);
  return test;
});
const places = data.places.map((place) => place.join(" "));
const field = (id) => document.getElementById(id);

// Everything is made of text nodes: nothing that stands in a name or a message can become part of the page.
function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "class") element.className = value;
    else if (name.includes("-") || name === "scope" || name === "colspan" || name === "role") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

// A number in three characters.
function short(value) {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : "∞";
  if (value === 0) return "0";
  if (value < 0.05) return "<.1";
  if (value < 0.95) return `.${Math.round(value * 10)}`;
  if (value < 999.5) return String(Math.round(value));
  const power = Math.floor(Math.log10(value));
  return `${Math.floor(value / 10 ** power)}e${power}`;
}
function precise(value) {
  if (!Number.isFinite(value)) return short(value);
  const rounded = Number(value.toPrecision(3));
  return rounded !== 0 && Math.abs(rounded) < 1e-3 ? rounded.toExponential() : String(rounded);
}
const percent = (value) => (value === 0 ? "0 %" : value === 1 ? "100 %" : `${Number((100 * value).toPrecision(value > 0.99 ? 4 : 2))} %`);
function bin(value, { ends }) {
  const at = ends.findIndex((end) => value <= end);
  return at < 0 ? ends.length : at;
}
const label = (test, measure) => (measure === "ulp" ? short(test.ulp) : short(100 * test.share));
const spoken = (test) =>
  `${test.name}, ${test.check}, ${test.place}: ${test.status}${test.compared ? `, ${precise(test.ulp)} ULP` : ""}`;

// -- the matrix: a table per family, a row per case, a column per check and place ----------------------------------
const rows = [];
function table(family, index) {
  const mine = tests.filter((test) => test.family === family);
  const columns = [...new Set(mine.map((test) => test.check))].map((check) => {
    const there = new Set(mine.filter((test) => test.check === check).map((test) => test.place));
    return { check, places: places.filter((place) => there.has(place)) };
  });
  const flat = columns.flatMap(({ check, places: there }) => there.map((place, at) => ({ key: `${check}\n${place}`, place, first: at === 0 })));
  const head = make("thead", {},
    make("tr", {}, make("td"), ...columns.map(({ check, places: there }) =>
      make("th", { scope: "colgroup", colspan: there.length, class: "first" }, check)), make("td", { class: "rest" })),
    make("tr", {}, make("td"), ...flat.map(({ place, first }) => make("th", { scope: "col", class: first ? "where first" : "where" }, place))));
  const body = make("tbody");
  const byCase = new Map();
  for (const test of mine) {
    if (!byCase.has(test.name)) byCase.set(test.name, new Map());
    byCase.get(test.name).set(`${test.check}\n${test.place}`, test);
  }
  for (const [name, found] of byCase) {
    const line = make("tr", {}, make("th", { scope: "row", title: name }, name));
    for (const { key, first } of flat) {
      const test = found.get(key);
      const cell = make("td", { class: first ? "first" : "" });
      if (test) {
        test.button = make("button", { type: "button", class: "cell", tabIndex: -1, "aria-expanded": "false", "aria-label": spoken(test) });
        test.button.dataset.at = test.at;
        cell.append(test.button);
      }
      line.append(cell);
    }
    body.append(line);
    rows.push({ line, tests: [...found.values()], open: null });
    for (const test of found.values()) test.row = rows[rows.length - 1];
  }
  const first = body.querySelector("button");
  if (first) first.tabIndex = 0;
  const caption = make("span");
  const section = make("section", { class: "family", id: `family-${index + 1}` }, make("h3", {}, family, caption),
    make("div", { class: "scroll" }, make("table", { class: "matrix", "aria-label": family }, head, body)));
  return { family, section, caption, tests: mine };
}
const families = words.family.map(table);
field("matrix").append(...families.map(({ section }) => section));

const style = (status) => (status === "not implemented" ? "lacking" : status);
function paint(measure) {
  for (const test of tests) {
    const { button } = test;
    const plain = test.status === "passed";
    button.textContent = plain ? label(test, measure) : SIGNS[test.status];
    button.className = `cell ${plain ? `b${bin(test[measure], data[measure])}` : style(test.status)}`;
    button.title = `${test.check}, ${test.place}: ${test.status}`;
  }
}

// -- a cell opens into a row of its own ----------------------------------------------------------------------------
function detail(test) {
  const [worst] = test.figures;
  const figures = test.figures.length ? make("table", { class: "figures" },
    make("thead", {}, make("tr", {}, ...["compared", "error", "limit", "ULP", "relative", "bit-equal", ""].map((name) => make("th", { scope: "col" }, name)))),
    make("tbody", {}, ...test.figures.map((figure) => make("tr", {}, ...[figure.what, precise(figure.error), precise(figure.limit),
      precise(figure.ulp), precise(figure.relative), percent(figure.equal), figure.passed ? "within" : "beyond"].map((text) => make("td", {}, text)))))) : null;
  const copy = make("button", { type: "button" }, "Copy");
  const code = make("code", {}, test.command);
  copy.addEventListener("click", () => {
    const done = () => { copy.textContent = "Copied"; setTimeout(() => { copy.textContent = "Copy"; }, 1500); };
    const select = () => getSelection().selectAllChildren(code);
    if (navigator.clipboard) navigator.clipboard.writeText(test.command).then(done, select);
    else select();
  });
  const spec = data.cases[test.name];
  const titled = (title, ...content) => [make("h5", {}, title), ...content];
  const about = [`${test.status}`, test.compared ? `${test.compared} compared` : null, `${precise(test.seconds)} s`].filter(Boolean).join(", ");
  return make("div", { class: `detail${test.good ? "" : " wrong"}`, role: "region", "aria-label": test.id },
    make("h4", {}, `${test.check} of ${test.name} on ${test.backend} in ${test.dtype}: ${about}`),
    ...(test.message ? [make("pre", { class: "message" }, test.message)] : []),
    make("div", { class: "columns" },
      make("div", {},
        ...(worst && worst.where ? titled("Worst element", make("p", { class: "worst" }, make("code", {}, `${worst.what}: ${worst.where}`))) : []),
        ...(figures ? titled(test.figures.length < test.compared ? "Figures (the worst ones)" : "Figures", make("div", { class: "scroll" }, figures)) : []),
        ...(test.command ? titled("Repeat it", make("div", { class: "command" }, code, copy)) : [])),
      make("div", {}, ...(spec === undefined ? [] : titled("Case", make("pre", { class: "spec" }, spec))))));
}
function toggle(test) {
  const { row } = test;
  const before = row.open;
  if (before) {
    before.line.remove();
    before.test.button.setAttribute("aria-expanded", "false");
    row.open = null;
  }
  if (!before || before.test !== test) {
    const width = row.line.children.length + 1;
    const line = make("tr", { class: "opened" }, make("td", { colspan: width }, detail(test)));
    row.line.after(line);
    row.open = { test, line };
    test.button.setAttribute("aria-expanded", "true");
  }
  remember();
}
