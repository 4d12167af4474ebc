// The parts of the page that need no browser.

import assert from "node:assert/strict";
import { test } from "node:test";

import { runsOf } from "../../clients/web/build/highlights.js";
import { KeptAudio } from "../../clients/web/build/kept_audio.js";
import { CaptureTimes, Median } from "../../clients/web/build/latency.js";

const final = (text, words, bias) => ({ text, words: words.map((word) => ({ word })), bias });
const match = (phrase, first_word, words) => ({ phrase, first_word, words, heard: phrase });
const shown = (runs) => runs.map(({ text, match }) => (match ? `[${text}]` : text)).join("");
const chunk = (start, end, bytes = 10) => ({ data: new Uint8Array(bytes), start, end });

test("a phrase is highlighted without the punctuation around it", () => {
  const words = ["Call", "“Ana", "Karenina”,", "then", "Loewe."];
  const runs = runsOf(final(words.join(" "), words, [match("Loewe", 4, 1), match("Ana Karenina", 1, 2)]));
  assert.equal(shown(runs), "Call “[Ana Karenina]”, then [Loewe].");
});

test("punctuation that belongs to the phrase is highlighted with it, that of an inflected one is not", () => {
  const words = ["He", "likes", "C++,", "and", "Loewe’s."];
  const runs = runsOf(final(words.join(" "), words, [match("C++", 2, 1), match("Löwe", 4, 1)]));
  assert.equal(shown(runs), "He likes [C++], and [Loewe’s].");
});

test("words that no space separates are found", () => {
  assert.equal(shown(runsOf(final("我要东京塔。", ["我", "要", "东京", "塔。"], [match("东京塔", 2, 2)]))), "我要[东京塔]。");
});

test("the same word later in the text is told apart", () => {
  const words = ["May", "asks", "May"];
  assert.equal(shown(runsOf(final("May asks May", words, [match("May", 2, 1)]))), "May asks [May]");
});

test("a match that points beyond the words, or overlaps another, costs no text", () => {
  const words = ["one", "two", "three"];
  const runs = runsOf(final("one two three", words, [match("one two", 0, 2), match("two three", 1, 2), match("x", 3, 1)]));
  assert.equal(shown(runs), "[one two] three");
});

test("another stream begins with the audio that has no final, though it was acknowledged", () => {
  const kept = new KeptAudio();
  for (let second = 0; second < 10; second += 1) kept.add(chunk(second, second + 1));
  kept.acknowledge(80);
  assert.equal(kept.unsafeS, 2);
  kept.finalise(4.5);
  const { chunks, start } = kept.restart();
  assert.equal(start, 4);
  assert.equal(chunks.length, 6);
  assert.equal(kept.unsafeS, 6);
  kept.acknowledge(20); // of the new stream
  assert.equal(kept.unsafeS, 4);
});

test("audio that is not acknowledged is kept whatever was finalised", () => {
  const kept = new KeptAudio();
  for (let second = 0; second < 3; second += 1) kept.add(chunk(second, second + 1));
  kept.finalise(3);
  assert.equal(kept.restart().chunks.length, 3);
});

test("acknowledged silence is not kept for ever", () => {
  const kept = new KeptAudio();
  for (let second = 0; second < 1000; second += 1) {
    kept.add(chunk(second, second + 1));
    kept.acknowledge((second + 1) * 10);
  }
  assert.ok(kept.restart().chunks.length <= 91);
});

test("the time of capture is interpolated, also over a pause of the microphone", () => {
  const times = new CaptureTimes();
  times.add(0.1, 5_100);
  times.add(0.2, 5_200);
  times.add(0.3, 9_300);
  assert.equal(times.at(0.15), 5_150);
  assert.equal(Math.round(times.at(0.25)), 9_250);
  for (let second = 1; second < 200; second += 1) times.add(second, second * 1000);
  assert.equal(times.at(1), null);
});

test("the median is the middle figure", () => {
  const median = new Median();
  assert.equal(median.value, null);
  for (const figure of [9, 1, 5]) median.add(figure);
  assert.equal(median.value, 5);
  median.add(100);
  assert.equal(median.value, 7);
});
