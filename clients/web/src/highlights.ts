/** Which parts of a final came from the list of names. Pure. */

import type { BiasMatch, Final } from "./sotto-client/index.js";

/** A run of the final's text; with a `match`, the words that a phrase of the list put there. */
export interface Run {
  readonly text: string;
  readonly match?: BiasMatch;
}

/** The runs in order; joined they are the text. */
export function runsOf(final: Final): Run[] {
  const spans = wordSpans(final);
  const runs: Run[] = [];
  let at = 0;
  for (const match of [...final.bias].sort((a, b) => a.first_word - b.first_word)) {
    const first = spans[match.first_word];
    const last = spans[match.first_word + match.words - 1];
    if (!first || !last || first.start < at) continue;
    const [start, end] = spanOf(match, final.text, first.start, last.end);
    runs.push({ text: final.text.slice(at, start) }, { text: final.text.slice(start, end), match });
    at = end;
  }
  runs.push({ text: final.text.slice(at) });
  return runs.filter((run) => run.text !== "");
}

/** Where each word stands in the text; words are not always apart by one space, or by any. */
function wordSpans(final: Final): { start: number; end: number }[] {
  const spans = [];
  let at = 0;
  for (const { word } of final.words) {
    const start = Math.max(at, final.text.indexOf(word.trim(), at));
    at = Math.min(final.text.length, start + word.trim().length);
    spans.push({ start, end: at });
  }
  return spans;
}

/** Where the phrase itself stands in these words, else the words without the punctuation around them. */
function spanOf({ phrase }: BiasMatch, text: string, start: number, end: number): [number, number] {
  const words = text.slice(start, end);
  const at = words.toLowerCase().indexOf(phrase.toLowerCase());
  if (at >= 0) return [start + at, start + at + phrase.length];
  const lead = /^[\s\p{P}]*/u.exec(words)![0].length;
  const trail = /[\s\p{P}]*$/u.exec(words)![0].length;
  return lead + trail < words.length ? [start + lead, end - trail] : [start, end];
}
