/** The microphone as a sequence of 16-bit mono frames, and how loud it is. */

export interface Microphone {
  readonly sampleRate: number;
  /** 0 to 1, on a scale that suits the ear. */
  level(): number;
  /** Goes on after a call or another app has interrupted it. */
  resume(): void;
  /** Resolves when the last frame has been given. */
  stop(): Promise<void>;
}

const QUIETEST_DB = -60;
const LOUDEST_DB = -12;

/** Throws Error with the browser's `name` (NotAllowedError, NotFoundError, ...), or InsecureContext without https. */
export async function openMicrophone(
  onSamples: (samples: Int16Array<ArrayBuffer>) => void,
  onLost: () => void,
): Promise<Microphone> {
  // made before the first await: phones only let a context run that a tap has made
  const context = new AudioContext({ latencyHint: "interactive" });
  try {
    const media = await requestMedia();
    await context.audioWorklet.addModule(new URL("./capture_worklet.js", import.meta.url));
    await context.resume();
    return record(context, media, onSamples, onLost);
  } catch (error) {
    await context.close();
    throw error;
  }
}

function requestMedia(): Promise<MediaStream> {
  // absent, whatever the types say, where a page came over plain http from another machine
  const devices = navigator.mediaDevices as MediaDevices | undefined;
  if (!devices) throw Object.assign(new Error("no media devices"), { name: "InsecureContext" });
  const audio = { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: true };
  return devices.getUserMedia({ audio });
}

function record(
  context: AudioContext,
  media: MediaStream,
  onSamples: (samples: Int16Array<ArrayBuffer>) => void,
  onLost: () => void,
): Microphone {
  const source = context.createMediaStreamSource(media);
  const analyser = new AnalyserNode(context, { fftSize: 1024 });
  const capture = new AudioWorkletNode(context, "capture", { numberOfOutputs: 0 });
  source.connect(analyser);
  source.connect(capture);
  let last: () => void = () => {};
  const drained = new Promise<void>((resolve) => (last = resolve));
  capture.port.onmessage = ({ data }: MessageEvent<Int16Array<ArrayBuffer> | null>) => (data ? onSamples(data) : last());
  for (const track of media.getTracks()) track.onended = onLost;
  const window = new Float32Array(analyser.fftSize);
  return {
    sampleRate: context.sampleRate,
    level() {
      analyser.getFloatTimeDomainData(window);
      const power = window.reduce((sum, sample) => sum + sample * sample, 0) / window.length;
      const db = 10 * Math.log10(power + 1e-12);
      return Math.max(0, Math.min(1, (db - QUIETEST_DB) / (LOUDEST_DB - QUIETEST_DB)));
    },
    resume: () => void context.resume(),
    async stop() {
      // a context that the phone has suspended never answers; what it held is lost to nobody
      if (context.state === "running") {
        capture.port.postMessage("stop");
        await drained;
      }
      for (const track of media.getTracks()) track.stop();
      await context.close();
    },
  };
}
