/** What is asked of the server: chosen in a dialog, kept in this browser. */

import { byId } from "./dom.js";
import type { BiasList, StreamSettings } from "./sotto-client/index.js";

const STORED_AS = "sotto.settings";
const KEY_STORED_AS = "sotto.key";

export interface Settings {
  /** A code, or empty to detect it. */
  readonly language: string;
  /** The name of a list on the server, or empty. */
  readonly list: string;
  /** Names that may be spoken, as typed: one a line or with commas between. */
  readonly names: string;
  readonly saveData: boolean;
}

const DEFAULTS: Settings = { language: "", list: "", names: "", saveData: false };

export function loadKey(): string | undefined {
  return localStorage.getItem(KEY_STORED_AS) ?? undefined;
}

export function saveKey(key: string): void {
  if (key) localStorage.setItem(KEY_STORED_AS, key);
  else localStorage.removeItem(KEY_STORED_AS);
}

/** The settings in the protocol's terms; all that may change is named. */
export function streamSettings(settings: Settings): StreamSettings {
  return {
    language: settings.language || null,
    keywords: namesIn(settings.names),
    bias_lists: settings.list ? [settings.list] : [],
  };
}

function namesIn(text: string): string[] {
  return text
    .split(/[\n,;]/)
    .map((name) => name.trim())
    .filter((name) => name !== "");
}

export class SettingsDialog {
  readonly #dialog = byId("settings", HTMLDialogElement);
  readonly #language = byId("language", HTMLSelectElement);
  readonly #list = byId("list", HTMLSelectElement);
  readonly #names = byId("names", HTMLTextAreaElement);
  readonly #saveData = byId("save-data", HTMLInputElement);
  readonly #chips = byId("chips", HTMLElement);
  readonly #languageNames = new Intl.DisplayNames(navigator.languages, { type: "language" });
  readonly #onChange: (settings: Settings) => void;
  #settings: Settings = { ...DEFAULTS, ...stored() };

  constructor(onChange: (settings: Settings) => void) {
    this.#onChange = onChange;
    this.#names.value = this.#settings.names;
    this.#saveData.checked = this.#settings.saveData;
    this.#offer(this.#language, "Detect", []);
    this.#offer(this.#list, "None", []);
    this.#select();
    for (const opener of document.querySelectorAll("[data-opens=settings]")) {
      opener.addEventListener("click", () => this.open());
    }
    this.#dialog.addEventListener("change", () => this.#changed());
    this.#dialog.addEventListener("close", () => this.#changed()); // a text area tells of its change when it is left
    this.#dialog.addEventListener("click", ({ target }) => {
      if (target === this.#dialog) this.#dialog.close(); // its backdrop
    });
  }

  get settings(): Settings {
    return this.#settings;
  }

  open(): void {
    this.#dialog.showModal();
  }

  /** What the server has to choose from. */
  offer(languages: readonly string[], lists: readonly BiasList[]): void {
    const named = languages.map((code) => [code, this.#nameOf(code)] as const);
    named.sort(([, a], [, b]) => a.localeCompare(b));
    this.#offer(this.#language, "Detect", named);
    const counted = lists.map(({ name, entries }) => [name, `${name} (${entries.toLocaleString()})`] as const);
    this.#offer(this.#list, lists.length > 0 ? "None" : "None (the server has no lists)", counted);
    this.#select();
  }

  allowSavingData(possible: boolean): void {
    this.#saveData.disabled = !possible;
    byId("save-data-impossible", HTMLElement).hidden = possible;
  }

  #offer(select: HTMLSelectElement, none: string, options: readonly (readonly [string, string])[]): void {
    select.replaceChildren(new Option(none, ""), ...options.map(([value, text]) => new Option(text, value)));
  }

  #select(): void {
    const { language, list } = this.#settings;
    this.#choose(this.#language, language, this.#nameOf(language));
    this.#choose(this.#list, list, list);
    this.#showChips();
  }

  /** Keeps a choice that the server does not offer now: it may be down. */
  #choose(select: HTMLSelectElement, value: string, text: string): void {
    if (![...select.options].some((option) => option.value === value)) select.add(new Option(text, value));
    select.value = value;
  }

  #changed(): void {
    const settings = {
      language: this.#language.value,
      list: this.#list.value,
      names: this.#names.value,
      saveData: this.#saveData.checked,
    };
    if (JSON.stringify(settings) === JSON.stringify(this.#settings)) return;
    this.#settings = settings;
    localStorage.setItem(STORED_AS, JSON.stringify(settings));
    this.#showChips();
    this.#onChange(settings);
  }

  #showChips(): void {
    const { language, list, names } = this.#settings;
    const own = namesIn(names).length;
    const texts = [language ? this.#nameOf(language) : "Any language"];
    if (list) texts.push(list);
    if (own > 0) texts.push(own === 1 ? "1 name" : `${own} names`);
    if (!list && own === 0) texts.push("No names");
    const chips = texts.map((text) => Object.assign(document.createElement("span"), { className: "chip", textContent: text }));
    this.#chips.replaceChildren(...chips);
  }

  #nameOf(code: string): string {
    return code === "" ? "" : (this.#languageNames.of(code) ?? code);
  }
}

function stored(): object {
  try {
    return JSON.parse(localStorage.getItem(STORED_AS) ?? "{}") as object;
  } catch {
    return {}; // written by something else
  }
}
