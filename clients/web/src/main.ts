/** Composition root of the page. */

import { type Advice, adviceFor } from "./advice.js";
import { byId } from "./dom.js";
import { canEncodeOpus } from "./encoding.js";
import { Meter } from "./meter.js";
import { Latency, Recording, type RecordingHandlers } from "./recording.js";
import { loadKey, saveKey, SettingsDialog, streamSettings } from "./settings.js";
import { ApiError, type ConnectionState, SottoRest, Unreachable } from "./sotto-client/index.js";
import { Status } from "./status.js";
import { Transcript } from "./transcript.js";
import { WakeLock } from "./wake_lock.js";

const SERVER = new URL("..", document.baseURI).href.replace(/\/$/, "");
const REFRESH_MS = 250;
const BRIEFLY_MS = 6_000;

type Phase = "idle" | "opening" | "recording" | "finishing";

class App {
  readonly #status = new Status();
  readonly #transcript = new Transcript(() => this.#showText());
  readonly #settings = new SettingsDialog(() => this.#configure());
  readonly #meter = new Meter();
  readonly #wakeLock = new WakeLock();
  readonly #latency = new Latency();
  readonly #record = byId("record", HTMLButtonElement);
  readonly #copy = byId("copy", HTMLButtonElement);
  readonly #share = byId("share", HTMLButtonElement);
  readonly #clear = byId("clear", HTMLButtonElement);
  readonly #keyDialog = byId("key-dialog", HTMLDialogElement);
  readonly #key = byId("key", HTMLInputElement);
  #phase: Phase = "idle";
  #recording: Recording | null = null;
  #state: ConnectionState["state"] = "closed";
  #lostAt: number | null = null;
  #offered = false; // the server has told its languages and lists

  start(): void {
    this.#record.addEventListener("click", () => void this.#toggle());
    this.#copy.addEventListener("click", () => void this.#copyText());
    this.#share.hidden = !("share" in navigator);
    this.#share.addEventListener("click", () => void this.#shareText());
    this.#clear.addEventListener("click", () => this.#clearText());
    byId("key-form", HTMLFormElement).addEventListener("submit", (event) => this.#useKey(event));
    byId("key-cancel", HTMLButtonElement).addEventListener("click", () => this.#keyDialog.close());
    addEventListener("online", () => this.#networkChanged());
    addEventListener("offline", () => this.#networkChanged());
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") this.#networkChanged();
    });
    addEventListener("beforeunload", (event) => {
      if (this.#phase !== "idle") event.preventDefault();
    });
    setInterval(() => this.#refresh(), REFRESH_MS);
    void canEncodeOpus().then((possible) => this.#settings.allowSavingData(possible));
    void this.#askServer();
    this.#showText();
    this.#refresh();
  }

  async #askServer(): Promise<void> {
    try {
      const rest = new SottoRest(SERVER, loadKey());
      const [models, lists] = await Promise.all([rest.models(), rest.biasLists()]);
      this.#settings.offer([...new Set(models.flatMap((model) => model.languages))], lists);
      this.#offered = true;
    } catch (error) {
      this.#warn(error);
    }
  }

  #networkChanged(): void {
    this.#recording?.nudge();
    if (!this.#offered) void this.#askServer();
    this.#refresh();
  }

  async #toggle(): Promise<void> {
    if (this.#phase === "idle") await this.#begin();
    else if (this.#phase === "recording") await this.#end();
  }

  async #begin(): Promise<void> {
    this.#enter("opening");
    this.#status.hideNotice();
    const { settings } = this.#settings;
    const opus = settings.saveData && (await canEncodeOpus());
    const setup = { server: SERVER, apiKey: loadKey(), settings: streamSettings(settings), opus };
    try {
      this.#recording = await Recording.start(setup, this.#handlers(), this.#latency);
    } catch (error) {
      this.#enter("idle");
      this.#warn(error);
      return;
    }
    this.#enter("recording");
    this.#meter.start(() => this.#recording?.level() ?? 0);
    this.#wakeLock.acquire();
    void this.#follow(this.#recording);
  }

  /** Waits for the end of the recording, good or bad. */
  async #follow(recording: Recording): Promise<void> {
    try {
      await recording.run();
    } catch (error) {
      this.#warn(error);
    }
    this.#quieten();
    await recording.stop();
    if (this.#recording !== recording) return;
    this.#recording = null;
    this.#lostAt = null;
    this.#transcript.dropCaptions();
    this.#enter("idle");
  }

  async #end(): Promise<void> {
    this.#enter("finishing");
    this.#quieten();
    await this.#recording?.stop();
  }

  #quieten(): void {
    this.#meter.stop();
    this.#wakeLock.release();
  }

  #handlers(): RecordingHandlers {
    return {
      onState: (state) => this.#connectionChanged(state),
      onCaption: (caption) => this.#transcript.caption(caption),
      onFinal: (final) => this.#transcript.final(final),
      onLost: () => this.#transcript.gap("A few words are missing here: the server could not decode them."),
      onRefused: (error) => this.#refused(error),
      onRestart: () => this.#transcript.dropCaptions(),
      onBias: ({ rejected, rejected_total }) => {
        const [first] = rejected;
        if (first) this.#status.tell("Not every name counts", `${rejected_total} cannot be used: ${first.message}.`);
      },
      onMicrophoneEnd: (cause) => this.#microphoneEnded(cause),
    };
  }

  #refused(error: ApiError): void {
    this.#state = "waiting";
    if (this.#lostAt !== null) return; // it was told already
    this.#lostAt = performance.now();
    this.#warn(error);
  }

  #microphoneEnded(cause: "lost" | "too_much_kept" | "encoder"): void {
    if (this.#phase !== "recording") return;
    const texts = {
      lost: "The microphone was unplugged, or another app took it. Tap to go on.",
      too_much_kept: "The server has been away for ten minutes. What you said is kept here and sent when it is back.",
      encoder: "The browser's encoder failed. Switch off “Save data” in the settings.",
    };
    this.#status.tell("Recording has stopped", texts[cause]);
    void this.#end();
  }

  #connectionChanged(state: ConnectionState): void {
    this.#state = state.state;
    if (state.state === "waiting" && this.#lostAt === null) {
      this.#lostAt = performance.now();
      const text = "Go on talking: what you say is kept here, and sent when the connection is back.";
      this.#status.tell(navigator.onLine ? "The server is out of reach" : "You are offline", text);
    } else if (state.state === "connected") {
      if (this.#lostAt !== null) {
        const seconds = Math.max(1, Math.round((performance.now() - this.#lostAt) / 1000));
        this.#status.tell("Connected again", `It took ${seconds} s, and nothing was lost.`, { ms: BRIEFLY_MS });
      }
      this.#lostAt = null;
    }
    this.#refresh();
  }

  #configure(): void {
    if (this.#phase === "recording") this.#recording?.configure(streamSettings(this.#settings.settings));
  }

  #warn(error: unknown): void {
    const advice: Advice = adviceFor(error);
    if (!(error instanceof ApiError || error instanceof Unreachable)) console.error(error);
    this.#status.warn(advice, {
      key: () => this.#askKey(),
      settings: () => this.#settings.open(),
      reload: () => location.reload(),
    });
  }

  #askKey(): void {
    this.#key.value = loadKey() ?? "";
    this.#keyDialog.showModal();
  }

  #useKey(event: Event): void {
    event.preventDefault();
    saveKey(this.#key.value.trim());
    this.#keyDialog.close();
    this.#status.hideNotice();
    void this.#askServer();
  }

  async #copyText(): Promise<void> {
    try {
      await navigator.clipboard.writeText(this.#transcript.text);
      this.#status.tell("Copied", "The text is on the clipboard.", { ms: BRIEFLY_MS });
    } catch (error) {
      this.#warn(error);
    }
  }

  async #shareText(): Promise<void> {
    try {
      await navigator.share({ text: this.#transcript.text });
    } catch (error) {
      if (!(error instanceof DOMException && error.name === "AbortError")) this.#warn(error);
    }
  }

  /** While the rest of a recording waits for the server, this gives it up. */
  #clearText(): void {
    if (this.#phase === "finishing") this.#recording?.abandon();
    const undo = this.#transcript.clear();
    const label = "Undo";
    this.#status.tell("Cleared", "The text is gone.", { ms: BRIEFLY_MS, label, action: undo });
  }

  #enter(phase: Phase): void {
    this.#phase = phase;
    document.body.dataset["phase"] = phase;
    this.#record.ariaDisabled = String(phase === "opening" || phase === "finishing"); // `disabled` would lose the focus
    const labels = { idle: "Start recording", opening: "Opening", recording: "Stop recording", finishing: "Finishing" };
    this.#record.ariaLabel = labels[phase];
    this.#refresh();
    this.#showText();
  }

  #showText(): void {
    const none = this.#transcript.text === "";
    this.#copy.disabled = this.#share.disabled = none;
    this.#clear.disabled = none && this.#phase !== "finishing";
  }

  /** What changes with time: clock, seconds kept, latency. */
  #refresh(): void {
    const recording = this.#recording;
    const seconds = Math.floor(recording?.seconds ?? 0);
    byId("clock", HTMLElement).textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    byId("latency", HTMLElement).textContent = this.#latencyText();
    if (recording === null) this.#status.show("ready", this.#phase === "opening" ? "Microphone…" : "Ready");
    else if (this.#lostAt !== null) this.#status.show("away", `Reconnecting · ${keptText(recording.unsafeS)}`);
    else if (this.#state !== "connected") this.#status.show("busy", "Connecting");
    else if (this.#phase === "finishing") this.#status.show("busy", "Finishing");
    else this.#status.show("live", "Live");
  }

  #latencyText(): string {
    const { final, caption } = this.#latency;
    const parts = [];
    if (caption.value !== null) parts.push(`captions ${secondsText(caption.value)}`);
    if (final.value !== null) parts.push(`finals ${secondsText(final.value)}`);
    return parts.join(" · ");
  }
}

function keptText(seconds: number): string {
  const whole = Math.round(seconds);
  return whole < 60 ? `${whole} s kept` : `${Math.floor(whole / 60)} min ${whole % 60} s kept`;
}

function secondsText(ms: number): string {
  return `${(ms / 1000).toFixed(ms < 9_950 ? 1 : 0)} s`;
}

new App().start();
if ("serviceWorker" in navigator) {
  navigator.serviceWorker.register("service_worker.js", { updateViaCache: "none" }).catch((error: unknown) => {
    console.info("the page will not open offline:", error);
  });
}
