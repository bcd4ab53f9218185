"use strict";
// Clicking a heading cycles through ascending, descending and original order. Missing values stay
// last.
const NEXT = { none: "ascending", ascending: "descending", descending: "none" };

function compare(one, other, sign) {
  const missing = ("missing" in one.dataset) - ("missing" in other.dataset);
  if (missing) return missing;
  if ("number" in one.dataset) {
    const [a, b] = [Number(one.dataset.number), Number(other.dataset.number)];
    return a === b ? 0 : sign * (a < b ? -1 : 1);
  }
  return sign * one.textContent.localeCompare(other.textContent, "en", { numeric: true });
}

function sorted(rows, column, order) {
  if (order === "none") return rows;
  const sign = order === "ascending" ? 1 : -1;
  return [...rows].sort((a, b) => compare(a.cells[column], b.cells[column], sign));
}

for (const table of document.querySelectorAll("table")) {
  const body = table.tBodies[0];
  if (!body || body.rows.length < 2) continue;
  const original = [...body.rows];
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    heading.setAttribute("aria-sort", "none");
    button.addEventListener("click", () => {
      const order = NEXT[heading.getAttribute("aria-sort")];
      for (const each of headings) each.setAttribute("aria-sort", "none");
      heading.setAttribute("aria-sort", order);
      body.append(...sorted(original, column, order));
    });
  });
}

// In the sandboxed frame of an artifact viewer, browsers refuse to follow "#section".
if (location.protocol === "blob:" || location.protocol === "about:") {
  for (const link of document.querySelectorAll('a[href^="#"]')) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      document.getElementById(decodeURIComponent(link.hash.slice(1)))?.scrollIntoView();
    });
  }
}
