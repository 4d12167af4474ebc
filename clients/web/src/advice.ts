/** What went wrong, and what to do about it, in plain words. */

import { ApiError, Unreachable } from "./sotto-client/index.js";

export interface Advice {
  readonly title: string;
  readonly text: string;
  /** What helps and the page can do. */
  readonly action?: "key" | "settings" | "reload";
}

const BY_CODE: Readonly<Record<string, Advice>> = {
  unauthorized: {
    title: "An API key is needed",
    text: "The server does not know the key, or got none. Ask whoever runs it for one.",
    action: "key",
  },
  at_capacity: {
    title: "The server is full",
    text: "Go on talking: what you say is kept here, and sent as soon as there is room.",
  },
  no_workers: {
    title: "The server is starting up",
    text: "Nothing decodes speech there yet. Go on talking: what you say is kept here, and sent when it is ready.",
  },
  store_unavailable: {
    title: "The server has trouble with its store",
    text: "What you say is kept here, and sent when the trouble is over.",
  },
  bias_list_not_found: {
    title: "That list of names is gone",
    text: "Somebody has removed it. Choose another in the settings, then record again.",
    action: "settings",
  },
  too_many_entries: {
    title: "Too many names",
    text: "A list and your own names may have 10,000 entries together. Choose a shorter list.",
    action: "settings",
  },
  conflict: {
    title: "This recording goes on elsewhere",
    text: "Another window has taken it over. The text so far stays here.",
  },
  invalid_audio: {
    title: "The server cannot read the audio",
    text: "Switch off “Save data” in the settings, then record again.",
    action: "settings",
  },
  closed: {
    title: "The server has ended the recording",
    text: "The text so far stays here. Record again to go on.",
  },
};

const BY_MICROPHONE_ERROR: Readonly<Record<string, Advice>> = {
  NotAllowedError: {
    title: "The microphone is blocked",
    text: "Allow it for this page: the sign beside the address opens the permissions. Then record again.",
  },
  NotFoundError: { title: "No microphone was found", text: "Connect one, then record again." },
  NotReadableError: {
    title: "The microphone is in use",
    text: "Another app has taken it. Close that one, then record again.",
  },
  InsecureContext: {
    title: "Browsers give no microphone to this address",
    text: "Open the page with https://, or as http://127.0.0.1 on the machine that serves it.",
  },
};

export function adviceFor(error: unknown): Advice {
  if (error instanceof Unreachable) {
    const text = "Check that you are online, and that the server runs. The page tries again by itself.";
    return { title: "The server cannot be reached", text };
  }
  if (error instanceof ApiError) return adviceForApi(error);
  const name = error instanceof Error ? error.name : "";
  const message = error instanceof Error ? error.message : String(error);
  const known = BY_MICROPHONE_ERROR[name];
  return known ?? { title: "Something went wrong", text: `${message}. Reload the page to try again.`, action: "reload" };
}

function adviceForApi(error: ApiError): Advice {
  if (error.field === "origin") {
    const text = "A server without API keys takes pages from its own machine only. Set SOTTO_API_KEYS there.";
    return { title: "The server does not take this page", text };
  }
  const at = error.field === null ? "" : ` (${error.field})`;
  return BY_CODE[error.code] ?? { title: "The server refused", text: `It says: ${error.message}${at}.`, action: "settings" };
}
