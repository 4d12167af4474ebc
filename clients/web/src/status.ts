/** The state of the connection in two words, and what happened in a sentence. */

import type { Advice } from "./advice.js";
import { byId } from "./dom.js";

export type Mood = "ready" | "live" | "busy" | "away";

const ACTION_LABELS = { key: "Enter a key", settings: "Settings", reload: "Reload" } as const;

export class Status {
  readonly #pill = byId("status", HTMLElement);
  readonly #notice = byId("notice", HTMLElement);
  readonly #title = byId("notice-title", HTMLElement);
  readonly #text = byId("notice-text", HTMLElement);
  readonly #action = byId("notice-action", HTMLButtonElement);
  #onAction: () => void = () => {};
  #hideLater: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    byId("notice-close", HTMLButtonElement).addEventListener("click", () => this.hideNotice());
    this.#action.addEventListener("click", () => {
      this.hideNotice();
      this.#onAction();
    });
  }

  show(mood: Mood, text: string): void {
    this.#pill.dataset["mood"] = mood;
    if (this.#pill.textContent !== text) this.#pill.textContent = text;
  }

  /** Something to act upon; stays until it is dismissed or another comes. */
  warn(advice: Advice, actions: Readonly<Record<NonNullable<Advice["action"]>, () => void>>): void {
    const label = advice.action && ACTION_LABELS[advice.action];
    this.#notify("warning", advice.title, advice.text, label, advice.action && actions[advice.action]);
  }

  /** Something good to know; goes by itself after `ms`, unless that is left out. */
  tell(title: string, text: string, { ms, label, action }: { ms?: number; label?: string; action?: () => void } = {}): void {
    this.#notify("quiet", title, text, label, action);
    if (ms !== undefined) this.#hideLater = setTimeout(() => this.hideNotice(), ms);
  }

  hideNotice(): void {
    clearTimeout(this.#hideLater);
    this.#notice.hidden = true;
  }

  #notify(tone: "warning" | "quiet", title: string, text: string, label?: string, action?: () => void): void {
    clearTimeout(this.#hideLater);
    this.#notice.dataset["tone"] = tone;
    this.#notice.role = tone === "warning" ? "alert" : "status"; // spoken at once, or when there is time
    this.#title.textContent = title;
    this.#text.textContent = text;
    this.#action.hidden = action === undefined;
    this.#action.textContent = label ?? "";
    this.#onAction = action ?? (() => {});
    this.#notice.hidden = false;
  }
}
