"use strict";
(() => {
  const root = document.documentElement;
  const stored = { get() { try { return localStorage.getItem("tearsheet-theme"); } catch { return null; } },
    set(value) { try { localStorage.setItem("tearsheet-theme", value); } catch { /* not remembered */ } } };
  const known = stored.get();
  if (known === "dark" || known === "light") root.dataset.theme = known;

  const dark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;

  function themeSwitch() {
    const button = document.getElementById("theme");
    const show = () => { button.textContent = dark() ? "Light theme" : "Dark theme"; };
    button.hidden = false;
    button.addEventListener("click", () => { root.dataset.theme = dark() ? "light" : "dark"; stored.set(root.dataset.theme); show(); });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
    show();
  }

  // A cell's value: a number where it reads as one (the first of a range), else its words; null for nothing.
  function valueOf(cell) {
    const text = cell.textContent.trim();
    if (text === "" || text === "–") return null;
    const plain = text.replace(/−/g, "-").replace(/[,%×+]/g, "");
    const number = plain.match(/^-?\d*\.?\d+(?=$| to )/);
    return number ? parseFloat(number[0]) : text.toLowerCase();
  }

  function compare(a, b, sign) {
    if (a === null || b === null) return (a === null) - (b === null);
    if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
    return sign * (a < b ? -1 : a > b ? 1 : 0);
  }

  function sortable(table) {
    const body = table.tBodies[0], heads = [...table.tHead.rows[0].cells], original = [...body.rows];
    if (original.length < 2) return;
    heads.forEach((head, place) => {
      const label = head.textContent.trim();
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.setAttribute("aria-label", "Sort by " + label);
      head.append(button);
      button.addEventListener("click", () => {
        const before = head.getAttribute("aria-sort");
        const numbers = original.some(row => typeof valueOf(row.cells[place]) === "number");
        const order = numbers ? ["descending", "ascending"] : ["ascending", "descending"];
        const next = before === order[0] ? order[1] : before === order[1] ? null : order[0];
        heads.forEach(each => each.removeAttribute("aria-sort"));
        if (next) { head.setAttribute("aria-sort", next); table.dataset.sorted = ""; } else delete table.dataset.sorted;
        const sign = next === "ascending" ? 1 : -1;
        const rows = next
          ? original.map(row => [valueOf(row.cells[place]), row]).sort((a, b) => compare(a[0], b[0], sign)).map(pair => pair[1])
          : original;
        body.append(...rows);
        say(next ? `Sorted by ${label}, ${next}` : "In the original order");
      });
    });
  }

  function copyable(table) {
    const caption = table.closest("figure")?.querySelector("figcaption");
    if (!caption) return;
    const labels = [...table.tHead.rows[0].cells].map(cell => cell.textContent.trim());
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.setAttribute("aria-label", "Copy table: " + caption.textContent.trim());
    caption.prepend(button);
    button.addEventListener("click", async () => {
      const rows = [...table.tBodies[0].rows].map(row => [...row.cells].map(cell => cell.textContent.trim()));
      const text = [labels, ...rows].map(row => row.join("\t")).join("\n");
      const done = await copied(text);
      button.textContent = done ? "Copied" : "Not copied";
      say(done ? "Table copied" : "The browser did not allow copying");
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
  }

  // A table wider than its place says so.
  function scrollable(box) {
    const caption = box.closest("figure")?.querySelector("figcaption");
    const hint = document.createElement("small");
    hint.className = "hint";
    hint.textContent = "scrolls sideways ↔";
    new ResizeObserver(() => {
      if (box.scrollWidth > box.clientWidth + 1) (caption ?? box).append(hint); else hint.remove();
    }).observe(box);
  }

  async function copied(text) {
    try { await navigator.clipboard.writeText(text); return true; } catch { /* older way below */ }
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }

  let status;
  function say(text) { status.textContent = text; }

  document.addEventListener("DOMContentLoaded", () => {
    status = document.createElement("p");
    status.className = "status";
    status.setAttribute("role", "status");
    document.body.append(status);
    themeSwitch();
    document.querySelectorAll(".scroll").forEach(scrollable);
    document.querySelectorAll("table").forEach(table => { copyable(table); sortable(table); });
  });
})();
