/** Microphone frames to what goes up: PCM as it is, or Opus packets. Both say when each piece was spoken. */

import type { AudioFormat } from "./sotto-client/index.js";

/** A piece of audio that is sent whole. Times are seconds of the recording. */
export interface Chunk {
  readonly data: Uint8Array<ArrayBuffer>;
  readonly start: number;
  readonly end: number;
}

export interface Encoder {
  readonly format: AudioFormat;
  encode(samples: Int16Array<ArrayBuffer>): void;
  /** Gives what is still on its way. */
  flush(): Promise<void>;
}

const OPUS_BITS_PER_S = 24_000;

export function pcmEncoder(sampleRate: number, onChunk: (chunk: Chunk) => void): Encoder {
  let heard = 0;
  return {
    format: { encoding: "pcm_s16le", sample_rate: sampleRate, channels: 1 },
    encode(samples) {
      const start = heard / sampleRate;
      heard += samples.length;
      // every machine that runs a browser is little-endian
      onChunk({ data: new Uint8Array(samples.buffer), start, end: heard / sampleRate });
    },
    async flush() {},
  };
}

/** `onError` is called once if the browser's encoder breaks. */
export function opusEncoder(sampleRate: number, onChunk: (chunk: Chunk) => void, onError: () => void): Encoder {
  let heard = 0;
  let packed = 0;
  const encoder = new AudioEncoder({
    output(packet) {
      const data = new Uint8Array(packet.byteLength);
      packet.copyTo(data);
      const seconds = (packet.duration ?? 20_000) / 1e6;
      onChunk({ data, start: packed, end: packed + seconds });
      packed += seconds;
    },
    error: onError,
  });
  encoder.configure(opusConfig(sampleRate));
  return {
    format: { encoding: "opus" },
    encode(samples) {
      if (encoder.state !== "configured") return;
      const audio = new AudioData({
        format: "s16",
        sampleRate,
        numberOfFrames: samples.length,
        numberOfChannels: 1,
        timestamp: Math.round((heard / sampleRate) * 1e6),
        data: samples,
      });
      heard += samples.length;
      encoder.encode(audio);
      audio.close();
    },
    async flush() {
      if (encoder.state !== "configured") return;
      await encoder.flush();
      encoder.close();
    },
  };
}

export async function canEncodeOpus(): Promise<boolean> {
  if (typeof AudioEncoder === "undefined") return false;
  const answer = await AudioEncoder.isConfigSupported(opusConfig(48_000)).catch(() => null);
  return answer?.supported === true;
}

function opusConfig(sampleRate: number): AudioEncoderConfig {
  return { codec: "opus", sampleRate, numberOfChannels: 1, bitrate: OPUS_BITS_PER_S };
}
