/** When to try again after a connection was lost. Pure: the clock is an argument. All times in milliseconds. */

const SETTLED_AFTER_MS = 5_000;
const FIRST_DELAY_MS = 200;
const LONGEST_DELAY_MS = 5_000;

/**
 * Counts the attempts of one outage: the first at once, then with doubling, jittered delays.
 *
 * An outage ends when a connection `settled`: it brought something new or lived for some seconds. A server that
 * accepts and hangs up again and again is therefore one outage, and ends at the deadline.
 */
export class Reconnection {
  readonly #deadlineMs: number;
  readonly #random: () => number;
  #lostAt: number | null = null;
  #attempts = 0;

  constructor(deadlineMs: number, random: () => number = Math.random) {
    this.#deadlineMs = deadlineMs;
    this.#random = random;
  }

  /** A connection broke, or an attempt failed (`connectedForMs` 0). */
  lost(now: number, connectedForMs = 0): void {
    if (connectedForMs >= SETTLED_AFTER_MS) this.settled();
    this.#lostAt ??= now;
  }

  settled(): void {
    this.#lostAt = null;
    this.#attempts = 0;
  }

  /** Milliseconds to wait before the next attempt; null when the deadline leaves no time for one. */
  nextDelayMs(now: number): number | null {
    const left = this.#lostAt === null ? this.#deadlineMs : this.#lostAt + this.#deadlineMs - now;
    if (left <= 0 && this.#lostAt !== null) return null;
    this.#attempts += 1;
    if (this.#attempts === 1) return 0;
    const ceiling = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (this.#attempts - 2));
    return Math.min((ceiling * (1 + this.#random())) / 2, left);
  }
}
