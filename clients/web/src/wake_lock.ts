/** Keeps the screen on while something is recorded, where the browser can. */

export class WakeLock {
  #wanted = false;
  #lock: WakeLockSentinel | null = null;

  constructor() {
    // a page that is hidden loses its lock
    document.addEventListener("visibilitychange", () => void this.#acquire());
  }

  acquire(): void {
    this.#wanted = true;
    void this.#acquire();
  }

  release(): void {
    this.#wanted = false;
    void this.#lock?.release();
    this.#lock = null;
  }

  async #acquire(): Promise<void> {
    if (!this.#wanted || document.visibilityState !== "visible" || !("wakeLock" in navigator)) return;
    try {
      this.#lock = await navigator.wakeLock.request("screen");
    } catch (error) {
      console.info("the screen may go dark:", error); // low battery; recording works all the same
    }
  }
}
