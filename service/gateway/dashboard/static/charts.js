// Lines over time as SVG, with a cursor for mouse, finger and arrow keys.

import { drawn, element, write } from "./dom.js";
import { time } from "./format.js";

const LEFT = 44;
const TOP = 8;
const BOTTOM = 22;
const RIGHT = 6;

/** `lines`: [{ column, name, tone }]; `format` writes a value; `least`: the axis reaches at least so high. */
export class Chart {
  constructor(figure, { lines, format, least, axis = format }) {
    Object.assign(this, { lines, format, least, axis, data: [], cursor: null, seconds: 3600, end: 0 });
    this.title = figure.querySelector("h2").textContent;
    this.readout = element("figcaption", { class: "readout" });
    this.values = lines.map(({ name, tone }) => {
      const value = element("b");
      const mark = element("i", { "data-tone": tone });
      this.readout.append(element("span", {}, ...(lines.length > 1 ? [mark, `${name} `] : []), value));
      return value;
    });
    this.when = element("span");
    this.readout.append(this.when);
    this.plot = drawn("svg", { class: "plot", role: "img", tabindex: "0" });
    figure.append(this.readout, this.plot);
    new ResizeObserver(() => this.draw()).observe(this.plot);
    this.plot.addEventListener("pointermove", (event) => this.#point(event));
    this.plot.addEventListener("pointerleave", () => this.#move(null));
    this.plot.addEventListener("blur", () => this.#move(null));
    this.plot.addEventListener("keydown", (event) => this.#key(event));
  }

  update(series, seconds) {
    this.data = this.lines.map(({ column }) => series.column(column, seconds));
    this.seconds = seconds;
    this.end = series.end + series.stepS;
    this.draw();
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.plot;
    if (!width || !this.data.length) return;
    const top = niceTop(Math.max(this.least, ...this.data.flat().map(([, value]) => value ?? 0)));
    const x = (at) => LEFT + ((at - this.end + this.seconds) / this.seconds) * (width - LEFT - RIGHT);
    const y = (value) => height - BOTTOM - (value / top) * (height - TOP - BOTTOM);
    const parts = [...this.#grid(top, x, y, width, height)];
    this.data.forEach((points, number) => {
      const { tone } = this.lines[number];
      if (this.data.length === 1) parts.push(drawn("path", { class: "area", "data-tone": tone, d: area(points, x, y) }));
      parts.push(drawn("path", { class: "line", "data-tone": tone, d: line(points, x, y) }));
    });
    if (!this.data.flat().some(([, value]) => value != null)) {
      parts.push(drawn("text", { class: "none", x: (width + LEFT) / 2, y: height / 2 }, "Nothing yet in this time"));
    }
    if (this.cursor != null) {
      const at = x(this.cursor);
      parts.push(drawn("line", { class: "cursor", x1: at, x2: at, y1: TOP, y2: height - BOTTOM }));
    }
    this.plot.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.plot.replaceChildren(...parts);
    this.#read();
  }

  *#grid(top, x, y, width, height) {
    for (const value of [0, top / 2, top]) {
      yield drawn("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value) });
      yield drawn("text", { x: LEFT - 8, y: y(value) + 4, "text-anchor": "end" }, this.axis(value));
    }
    const step = this.seconds / (width < 480 ? 3 : 4);
    for (let at = this.end - this.seconds; at <= this.end + 1; at += step) {
      const anchor = at >= this.end - 1 ? "end" : at <= this.end - this.seconds ? "start" : "middle";
      yield drawn("text", { x: x(at), y: height - 5, "text-anchor": anchor }, time(at));
    }
  }

  /** Values under the cursor, else the latest. */
  #read() {
    const at = this.cursor ?? this.data[0].at(-1)?.[0];
    const found = this.data.map((points) => points.find(([time]) => time === at)?.[1] ?? null);
    found.forEach((value, number) => write(this.values[number], this.format(value)));
    write(this.when, this.cursor == null ? "" : `at ${time(at)}`);
    const told = this.lines.map(({ name }, number) => `${name} ${this.format(found[number])}`).join(", ");
    this.plot.setAttribute("aria-label", `${this.title}: ${told}${at ? ` at ${time(at)}` : ""}. Arrow keys move in time.`);
  }

  #point(event) {
    const { left, width } = this.plot.getBoundingClientRect();
    const share = (event.clientX - left - LEFT) / (width - LEFT - RIGHT);
    this.#move(this.end - this.seconds + share * this.seconds);
  }

  #key(event) {
    const times = this.data[0].map(([at]) => at);
    const place = times.indexOf(this.cursor ?? times.at(-1));
    const moves = { ArrowLeft: place - 1, ArrowRight: place + 1, Home: 0, End: times.length - 1 };
    if (!(event.key in moves)) return;
    event.preventDefault();
    this.#move(times[Math.min(times.length - 1, Math.max(0, moves[event.key]))] ?? null);
  }

  /** To the point next to a time, or away. */
  #move(at) {
    const times = this.data[0]?.map(([each]) => each) ?? [];
    const nearest = (best, each) => (Math.abs(each - at) < Math.abs(best - at) ? each : best);
    this.cursor = at == null || !times.length ? null : times.reduce(nearest);
    this.draw();
  }
}

/** A small line without axes, at the foot of a tile. */
export class Spark {
  constructor(tile, columns) {
    this.columns = columns;
    this.plot = drawn("svg", { "aria-hidden": "true", preserveAspectRatio: "none", viewBox: "0 0 100 40" });
    tile.append(this.plot);
  }

  update(series, seconds) {
    const every = this.columns.map((column) => series.column(column, seconds));
    const points = every[0].map(([at, value], place) => [at, value == null ? null : sum(every.map((each) => each[place][1]))]);
    const top = Math.max(1e-9, ...points.map(([, value]) => value ?? 0));
    const start = series.end + series.stepS - seconds;
    const x = (at) => ((at - start) / seconds) * 100;
    const y = (value) => 39 - (value / top) * 34;
    const shape = { "data-tone": "first", "vector-effect": "non-scaling-stroke" };
    this.plot.replaceChildren(
      drawn("path", { class: "area", ...shape, d: area(points, x, y) }),
      drawn("path", { class: "line", ...shape, d: line(points, x, y) }),
    );
  }
}

const sum = (values) => values.reduce((total, value) => total + (value ?? 0), 0);

/** Stretches between gaps, where nothing is known. */
function stretches(points) {
  const found = [[]];
  for (const point of points) {
    if (point[1] == null) found.push([]);
    else found.at(-1).push(point);
  }
  return found.filter((stretch) => stretch.length);
}

const joined = (stretch, x, y) => stretch.map(([at, value]) => `${x(at).toFixed(2)} ${y(value).toFixed(2)}`).join("L");

const line = (points, x, y) => stretches(points).map((stretch) => `M${joined(stretch, x, y)}${stretch.length === 1 ? "h0.01" : ""}`).join("");

function area(points, x, y) {
  const closed = (stretch) => `M${x(stretch[0][0]).toFixed(2)} ${y(0)}L${joined(stretch, x, y)}V${y(0)}Z`;
  return stretches(points).map(closed).join("");
}

/** The next of 1, 2, 4, 6, 8, 10, 20, … that a value does not exceed. */
function niceTop(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 6, 8, 10].map((step) => step * power).find((top) => value <= top * 1.0001);
}
