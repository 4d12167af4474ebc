/** How long after they were spoken words are on the screen. Pure: clocks are arguments, in milliseconds. */

const REMEMBERED_S = 120;
const KEPT_FIGURES = 500;

/** When which second of the recording was captured. */
export class CaptureTimes {
  #anchors: { readonly end: number; readonly at: number }[] = [];

  /** Audio up to second `end` was captured just now. */
  add(end: number, at: number): void {
    this.#anchors.push({ end, at });
    while (this.#anchors[0]!.end < end - REMEMBERED_S) this.#anchors.shift();
  }

  /** When second `second` was captured; null when that is too long ago. */
  at(second: number): number | null {
    const anchor = this.#anchors.find(({ end }) => end >= second - 1e-6) ?? this.#anchors.at(-1);
    if (anchor === undefined || second < this.#anchors[0]!.end - 1) return null;
    return anchor.at - Math.max(0, anchor.end - second) * 1000;
  }
}

/** The median of the last figures. */
export class Median {
  #figures: number[] = [];

  add(figure: number): void {
    this.#figures.push(figure);
    if (this.#figures.length > KEPT_FIGURES) this.#figures.shift();
  }

  get value(): number | null {
    const sorted = [...this.#figures].sort((a, b) => a - b);
    const middle = sorted.length >> 1;
    if (sorted.length === 0) return null;
    return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  }
}
