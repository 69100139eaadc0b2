"use strict";
// Pages of continuations; without this script all of them stand below each other.
for (const list of document.querySelectorAll("[data-page-size]")) {
  const cards = [...list.children];
  const size = Number(list.dataset.pageSize);
  const pages = Math.ceil(cards.length / size);
  if (pages < 2) continue;
  let page = 0;
  const bar = document.createElement("div");
  bar.className = "pager";
  const button = (text, step) => {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = text;
    made.addEventListener("click", () => show(page + step));
    return made;
  };
  const place = document.createElement("span");
  place.setAttribute("aria-live", "polite");
  const [back, on] = [button("← Back", -1), button("Next →", 1)];
  bar.append(back, place, on);
  const show = (wanted) => {
    page = Math.min(pages - 1, Math.max(0, wanted));
    cards.forEach((card, index) => (card.hidden = Math.floor(index / size) !== page));
    place.textContent = `${page * size + 1}–${Math.min(cards.length, (page + 1) * size)} of ${cards.length}`;
    back.disabled = page === 0;
    on.disabled = page === pages - 1;
  };
  list.after(bar);
  show(0);
}
// The map of directions: one is chosen at a time, by pointer or by arrow keys.
document.documentElement.classList.add("scripted");
for (const explorer of document.querySelectorAll(".explorer")) {
  const rows = [...explorer.querySelectorAll("tbody tr")].map((row) => [...row.querySelectorAll("button")]);
  const buttons = rows.flat();
  const choose = (button) => {
    for (const other of buttons) {
      other.setAttribute("aria-pressed", String(other === button));
      other.tabIndex = other === button ? 0 : -1;
      document.getElementById(other.getAttribute("aria-controls")).classList.toggle("is-shown", other === button);
    }
  };
  rows.forEach((row, y) => row.forEach((button, x) => {
    button.addEventListener("click", () => choose(button));
    button.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (!step) return;
      event.preventDefault();
      const next = rows[Math.min(rows.length - 1, Math.max(0, y + step[1]))];
      const target = next && next[Math.min(next.length - 1, Math.max(0, x + step[0]))];
      if (!target) return;
      choose(target);
      target.focus();
    });
  }));
  if (buttons.length) choose(buttons[0]);
}
