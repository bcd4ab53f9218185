"use strict";
// Clicking a heading cycles through both orders, first the one with the best value on top, and the
// original one. Missing values stay last.
const UP = ["ascending", "descending", "none"];
const DOWN = ["descending", "ascending", "none"];
const LOW_FIRST = /latency|time|parameters|GFLOPs|memory|lower is better|seeds needed|^look|step/;

function compare(one, other, sign) {
  const missing = ("missing" in one.dataset) - ("missing" in other.dataset);
  if (missing) return missing;
  if ("number" in one.dataset) {
    const [a, b] = [Number(one.dataset.number), Number(other.dataset.number)];
    return a === b ? 0 : sign * (a < b ? -1 : 1);
  }
  return sign * one.textContent.localeCompare(other.textContent, "en", { numeric: true });
}

function choose_orders(rows, column, heading) {
  const is_numeric = rows.some((row) => "number" in row.cells[column].dataset);
  return is_numeric && !LOW_FIRST.test(heading.textContent) ? DOWN : UP;
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
    const orders = choose_orders(original, column, heading);
    button.addEventListener("click", () => {
      const order = orders[(orders.indexOf(heading.getAttribute("aria-sort")) + 1) % 3];
      for (const each of headings) each.setAttribute("aria-sort", "none");
      heading.setAttribute("aria-sort", order);
      body.append(...sorted(original, column, order));
    });
  });
}

// Near a mark of a figure, its numbers are shown; without scripts, browsers show them as titles.
const REACH = 20; // pixels
const bubble = document.createElement("div");
bubble.className = "bubble";
bubble.hidden = true;
document.body.append(bubble);

function distance(mark, x, y) {
  const box = mark.getBoundingClientRect();
  const outside = (low, value, high) => Math.max(low - value, 0, value - high);
  return Math.hypot(outside(box.left, x, box.right), outside(box.top, y, box.bottom));
}

function show(mark) {
  const box = mark.getBoundingClientRect();
  bubble.textContent = mark.getAttribute("aria-label");
  bubble.hidden = false;
  const left = box.left + box.width / 2 - bubble.offsetWidth / 2;
  const limit = document.documentElement.clientWidth - bubble.offsetWidth - 4;
  bubble.style.left = `${scrollX + Math.max(4, Math.min(left, limit))}px`;
  bubble.style.top = `${scrollY + box.top - bubble.offsetHeight - 6}px`;
}

for (const plot of document.querySelectorAll("svg.plot")) {
  const marks = [...plot.querySelectorAll(".tip")];
  for (const mark of marks) {
    const title = mark.querySelector("title");
    mark.setAttribute("role", "img");
    mark.setAttribute("aria-label", title.textContent);
    title.remove();
  }
  const find = ({ clientX, clientY }) => {
    const near = marks.map((mark) => [distance(mark, clientX, clientY), mark]);
    const [nearest] = near.sort(([one], [other]) => one - other);
    if (nearest && nearest[0] <= REACH) show(nearest[1]);
    else bubble.hidden = true;
  };
  plot.addEventListener("pointermove", find);
  plot.addEventListener("pointerdown", find);
  plot.addEventListener("pointerleave", () => (bubble.hidden = true));
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
