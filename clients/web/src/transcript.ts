/** The text: finals as paragraphs, and the captions of what is being said. */

import { byId } from "./dom.js";
import { type Run, runsOf } from "./highlights.js";
import type { BiasMatch, Final, Partial } from "./sotto-client/index.js";

export class Transcript {
  readonly #finals = byId("finals", HTMLElement);
  readonly #caption = byId("caption", HTMLElement);
  readonly #empty = byId("empty", HTMLElement);
  readonly #scroller = byId("transcript", HTMLElement);
  readonly #onChange: () => void;
  #captions = new Map<number, Partial>(); // by the number of their utterance

  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  get text(): string {
    const paragraphs = this.#finals.querySelectorAll<HTMLElement>("p.final");
    return [...paragraphs].map((paragraph) => paragraph.textContent).join("\n");
  }

  caption(caption: Partial): void {
    this.#captions.set(utteranceOf(caption.id), caption);
    this.#show();
  }

  final(final: Final): void {
    for (const number of this.#captions.keys()) {
      if (number <= utteranceOf(final.id)) this.#captions.delete(number);
    }
    const paragraph = document.createElement("p");
    paragraph.className = "final";
    paragraph.lang = final.language;
    paragraph.append(...runsOf(final).map((run) => nodeOf(run, paragraph)));
    this.#finals.append(paragraph);
    this.#show();
  }

  /** A text that stands for words that are lost. */
  gap(message: string): void {
    this.#finals.append(Object.assign(document.createElement("p"), { className: "gap", textContent: message }));
    this.#show();
  }

  dropCaptions(): void {
    this.#captions.clear();
    this.#show();
  }

  /** Empties it; the function that is returned undoes that. */
  clear(): () => void {
    const former = [...this.#finals.childNodes];
    this.#finals.replaceChildren();
    this.dropCaptions();
    return () => {
      this.#finals.prepend(...former);
      this.#show();
    };
  }

  #show(): void {
    const open = [...this.#captions].sort(([a], [b]) => a - b).map(([, caption]) => caption);
    this.#caption.replaceChildren(...open.flatMap(captionNodes));
    this.#caption.hidden = open.length === 0;
    this.#empty.hidden = open.length > 0 || this.#finals.hasChildNodes();
    const followed = this.#scroller.scrollHeight - this.#scroller.scrollTop - this.#scroller.clientHeight < 160;
    if (followed) this.#scroller.scrollTop = this.#scroller.scrollHeight; // unless somebody reads further up
    this.#onChange();
  }
}

function captionNodes({ committed, tentative }: Partial): Node[] {
  const [solid, dimmed] = [document.createElement("span"), document.createElement("span")];
  solid.className = "committed";
  dimmed.className = "tentative";
  solid.textContent = committed;
  dimmed.textContent = tentative;
  return [solid, dimmed, document.createTextNode(" ")];
}

/** Text, or a phrase of the list that tells on a tap what was heard. */
function nodeOf({ text, match }: Run, paragraph: HTMLElement): Node {
  if (!match) return document.createTextNode(text);
  const mark = document.createElement("mark");
  mark.textContent = text;
  mark.tabIndex = 0;
  mark.role = "button";
  mark.ariaExpanded = "false";
  mark.title = heardAs(match);
  const toggle = (): void => {
    const note = paragraph.nextElementSibling;
    const shown = note?.classList.contains("heard") ? note : null;
    const again = mark.ariaExpanded === "true";
    shown?.remove();
    for (const other of paragraph.querySelectorAll("mark")) other.ariaExpanded = "false";
    if (again) return;
    mark.ariaExpanded = "true";
    const phrase = Object.assign(document.createElement("b"), { textContent: match.phrase });
    const told = document.createElement("p");
    told.className = "heard";
    told.append(phrase, ` · ${heardAs(match)}`);
    paragraph.after(told);
  };
  mark.addEventListener("click", toggle);
  mark.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    toggle();
  });
  return mark;
}

function heardAs({ phrase, heard }: BiasMatch): string {
  const bare = heard.replace(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, "");
  return bare === phrase ? "heard just so" : `heard as “${bare}”`;
}

function utteranceOf(id: string): number {
  return Number(id.slice(id.lastIndexOf(".") + 1));
}
