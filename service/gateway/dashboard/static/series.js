// The points of the last hour by their time; the latest ones are told again until they are complete.

export class Series {
  #columns = [];
  #points = new Map();
  stepS = 10;

  reset({ columns, points, step_s: stepS }) {
    this.#columns = columns;
    this.stepS = stepS;
    this.#points = new Map();
    this.add(points);
  }

  add(points) {
    for (const point of points) this.#points.set(point[0], point);
    const oldest = Math.max(...this.#points.keys()) - 3600;
    for (const at of this.#points.keys()) if (at < oldest) this.#points.delete(at);
  }

  /** The points of the last `seconds` in order: [time, value or null] each. */
  column(name, seconds) {
    const place = this.#columns.indexOf(name);
    const from = this.end - seconds;
    return [...this.#points.values()]
      .filter((point) => point[0] >= from)
      .sort((a, b) => a[0] - b[0])
      .map((point) => [point[0] + this.stepS, point[place]]);
  }

  get end() {
    return Math.max(...this.#points.keys());
  }
}
