"use strict";
// Shows the rows whose names hold all words, and with the box those alone that are beyond their limits.
const text = document.getElementById("text");
const bad = document.getElementById("bad");
const shown = document.getElementById("shown");
const rows = [...document.querySelectorAll("tr[data-name]")];

function filter() {
  const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const row of rows) {
    const name = row.dataset.name.toLowerCase();
    row.hidden = !words.every((word) => name.includes(word)) || (bad.checked && !("bad" in row.dataset));
    count += row.hidden ? 0 : 1;
  }
  shown.textContent = `${count} of ${rows.length}`;
}

text.addEventListener("input", filter);
bad.addEventListener("change", filter);
const button = document.getElementById("show-bad");
if (button) {
  button.addEventListener("click", () => {
    bad.checked = true;
    filter();
    const first = document.querySelector("tr.first") || document.querySelector("tr[data-bad]");
    if (first) first.scrollIntoView({ block: "center" });
  });
}
filter();
