"use strict";
const main = document.querySelector("main");
const svg = document.querySelector("svg");
const items = [...document.querySelectorAll("li")];
const boxes = [...document.querySelectorAll("input[name=component]")];
const target = (link) => link && document.getElementById(link.getAttribute("href").slice(1));
const visible = (item) => item && !item.hidden;

// Draws an arrow from each visible cause to each visible effect.
function draw() {
  svg.querySelectorAll(":scope > path").forEach((path) => path.remove());
  svg.style.width = main.scrollWidth + "px";
  svg.style.height = main.scrollHeight + "px";
  const base = main.getBoundingClientRect();
  const box = (item) => {
    const { left, right, top, height } = item.getBoundingClientRect();
    const x = main.scrollLeft - base.left;
    return { left: left + x, right: right + x, y: top - base.top + main.scrollTop + height / 2 };
  };
  const links = items.flatMap((item) => [...item.querySelectorAll("a.after")]);
  for (const link of links) {
    const [cause, effect] = [target(link), link.closest("li")];
    if (!visible(effect) || !visible(cause)) continue;
    const [from, to] = [box(cause), box(effect)];
    const forward = from.right < to.left;
    const [x1, x2] = forward ? [from.right, to.left] : [from.left, to.right];
    const bend = forward ? 30 : -30;
    const path = document.createElementNS(svg.namespaceURI, "path");
    path.setAttribute("d", `M${x1} ${from.y}C${x1 + bend} ${from.y} ${x2 - bend} ${to.y} ${x2} ${to.y}`);
    path.setAttribute("marker-end", "url(#head)");
    path.dataset.from = cause.id;
    path.dataset.to = effect.id;
    svg.append(path);
  }
}

// Shows the events of the chosen components, and those of none.
function filter() {
  const chosen = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
  let count = 0;
  for (const item of items) {
    const component = item.dataset.component;
    item.hidden = Boolean(component) && !chosen.has(component);
    if (!item.hidden && !item.classList.contains("gap")) count += 1;
  }
  document.getElementById("count").textContent = `${count} events shown`;
  const first = items.find(visible);
  for (const item of items) item.tabIndex = item === first ? 0 : -1;
  draw();
}

function move(to) {
  if (!visible(to)) return;
  for (const item of items) item.tabIndex = -1;
  to.tabIndex = 0;
  to.focus();
}

function step(item, next) {
  do item = item[next]; while (item && item.hidden);
  return item;
}

main.addEventListener("keydown", (event) => {
  const item = event.target.closest("li");
  if (!item) return;
  const to = {
    ArrowDown: () => step(item, "nextElementSibling"),
    ArrowUp: () => step(item, "previousElementSibling"),
    ArrowLeft: () => target(item.querySelector("a.after")),
    ArrowRight: () => target(item.querySelector("a.before")),
  }[event.key];
  if (!to) return;
  event.preventDefault();
  move(to());
});
main.addEventListener("focusin", (event) => {
  const item = event.target.closest("li");
  for (const other of items) other.classList.remove("linked");
  item?.querySelectorAll("a").forEach((link) => target(link)?.classList.add("linked"));
});
main.addEventListener("click", (event) => {
  const link = event.target.closest("a");
  if (!link) return;
  event.preventDefault();
  move(target(link));
});
boxes.forEach((box) => box.addEventListener("change", filter));
new ResizeObserver(draw).observe(main);
filter();
