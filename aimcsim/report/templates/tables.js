/* Tables that sort by a click on the head of a column. Without JavaScript they are as they are. */
"use strict";
(() => {
  /* The number that a cell begins with, or its text; nothing where it has a dash. */
  function valueOf(cell) {
    const text = cell.textContent.trim();
    if (text === "" || text === "–") return null;
    if (text.startsWith("unlimited")) return Infinity;
    const found = /^[<>]?\s*([−-]?[\d,]*\.?\d+)/.exec(text);
    return found ? Number(found[1].replaceAll(",", "").replace("−", "-")) : text;
  }

  /* A cell that spans rows becomes one cell in each: rows can then go apart. */
  function unspan(body) {
    for (const cell of body.querySelectorAll("[rowspan]")) {
      let row = cell.parentElement;
      const span = cell.rowSpan;
      cell.removeAttribute("rowspan");
      for (let k = 1; k < span; k++) {
        row = row.nextElementSibling;
        row.prepend(cell.cloneNode(true));
      }
    }
  }

  function sort(table, head) {
    const body = table.tBodies[0];
    unspan(body);
    const column = head.cellIndex;
    const down = head.getAttribute("aria-sort") === "ascending";
    const rows = Array.from(body.rows, (row) => [valueOf(row.cells[column]), row]);
    const sign = down ? -1 : 1;
    rows.sort(([one], [other]) => {
      if (one === null || other === null) return (one === null) - (other === null);
      if (typeof one === "number" && typeof other === "number") return sign * (one - other);
      return sign * String(one).localeCompare(String(other), "en", { numeric: true });
    });
    body.append(...rows.map(([, row]) => row));
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
  }

  for (const table of document.querySelectorAll("table")) {
    if (!table.tHead || !table.tHead.rows.length || table.tBodies[0].rows.length < 2) continue;
    for (const head of table.tHead.rows[0].cells) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.append(...head.childNodes);
      button.addEventListener("click", () => sort(table, head));
      head.append(button);
    }
  }
})();
