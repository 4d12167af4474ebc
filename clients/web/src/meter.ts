/** How loud the last seconds were, as a row of bars. */

import { byId } from "./dom.js";

const BAR_PX = 3;
const GAP_PX = 3;
const BAR_MS = 70;

export class Meter {
  readonly #canvas = byId("meter", HTMLCanvasElement);
  readonly #button = byId("record", HTMLButtonElement);
  #levels: number[] = [];
  #frame = 0;
  #barAt = 0;

  /** Draws until `stop`. `level` is asked for what is heard now, 0 to 1. */
  start(level: () => number): void {
    this.#levels = [];
    const draw = (now: number): void => {
      this.#frame = requestAnimationFrame(draw);
      if (now - this.#barAt < BAR_MS) return;
      this.#barAt = now;
      const heard = level();
      this.#levels.push(heard);
      this.#button.style.setProperty("--level", heard.toFixed(2));
      this.#canvas.setAttribute("aria-valuenow", String(Math.round(heard * 100)));
      this.#paint();
    };
    this.#frame = requestAnimationFrame(draw);
  }

  stop(): void {
    cancelAnimationFrame(this.#frame);
    this.#levels = [];
    this.#button.style.removeProperty("--level");
    this.#paint();
  }

  #paint(): void {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    const scale = devicePixelRatio;
    this.#canvas.width = width * scale;
    this.#canvas.height = height * scale;
    const context = this.#canvas.getContext("2d");
    if (!context) return;
    context.scale(scale, scale);
    context.fillStyle = getComputedStyle(this.#canvas).color;
    const bars = Math.floor(width / (BAR_PX + GAP_PX));
    this.#levels = this.#levels.slice(-bars);
    this.#levels.forEach((level, index) => {
      const x = width - (this.#levels.length - index) * (BAR_PX + GAP_PX);
      const tall = Math.max(BAR_PX, level * height);
      context.globalAlpha = 0.25 + (0.75 * index) / bars;
      context.beginPath();
      context.roundRect(x, (height - tall) / 2, BAR_PX, tall, BAR_PX / 2);
      context.fill();
    });
  }
}
