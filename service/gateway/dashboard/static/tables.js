// Tables that are written in place: rows come and go, cells change, nothing else moves.

import { element, write } from "./dom.js";

/**
 * `columns`: [{ title, cell(row), kind }]. A cell is text, or { text, more, mood, share, title }: a second line, a dot
 * that is good or bad, a bar of 0 to 1. `kind`: number, code, quiet; `full`: the whole width on a phone.
 */
export class Table {
  constructor(section, { columns, empty, about }) {
    this.columns = columns;
    this.caption = section.querySelector("h2").textContent;
    if (about) section.append(element("p", { class: "about" }, about));
    this.body = element("tbody", { role: "rowgroup" });
    const titles = columns.map(({ title, kind }) => element("th", { scope: "col", role: "columnheader", class: kind }, title));
    this.table = element(
      "table",
      { role: "table", "aria-label": this.caption },
      element("thead", { role: "rowgroup" }, element("tr", { role: "row" }, ...titles)),
      this.body,
    );
    this.empty = element("p", { class: "empty" }, empty);
    this.table.hidden = true;
    section.append(this.table, this.empty);
  }

  update(rows) {
    this.table.hidden = !rows.length;
    this.empty.hidden = rows.length > 0;
    while (this.body.rows.length > rows.length) this.body.deleteRow(-1);
    while (this.body.rows.length < rows.length) this.body.append(this.#row());
    rows.forEach((row, number) => {
      this.columns.forEach(({ cell }, place) => fill(this.body.rows[number].cells[place], cell(row)));
    });
  }

  #row() {
    const cells = this.columns.map(({ title, kind, full }) =>
      element("td", { role: "cell", class: [kind, full && "full"].filter(Boolean).join(" "), "data-label": title }),
    );
    return element("tr", { role: "row" }, ...cells);
  }
}

function fill(cell, content) {
  const told = typeof content === "string" ? { text: content } : content;
  const now = JSON.stringify(told);
  if (cell.told === now) return;
  cell.told = now;
  if (told.mood === undefined && told.more === undefined && told.share === undefined) {
    write(cell, told.text);
    return;
  }
  const text = told.mood === undefined ? told.text : element("span", { class: "dot", "data-mood": told.mood }, told.text);
  const parts = [text];
  if (told.more) parts.push(element("em", {}, told.more));
  if (told.share !== undefined) parts.push(bar(told.share));
  cell.replaceChildren(...parts);
}

function bar(share) {
  const inner = element("span");
  inner.style.width = `${Math.round(Math.min(1, Math.max(0, share)) * 100)}%`;
  return element("span", { class: "bar", "aria-hidden": "true" }, inner);
}
