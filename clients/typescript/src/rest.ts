/** The REST routes that a page with a live stream needs. */

import { errorFromResponse, Unreachable } from "./errors.js";

export interface Model {
  readonly id: string;
  /** Codes such as `en`. */
  readonly languages: readonly string[];
}

export interface BiasList {
  readonly name: string;
  readonly version: number;
  readonly entries: number;
}

/** Throws Unreachable when no server answers, ApiError when it refuses. */
export class SottoRest {
  readonly #base: string;
  readonly #apiKey: string | undefined;

  constructor(base: string, apiKey?: string) {
    this.#base = base.replace(/\/+$/, "");
    this.#apiKey = apiKey || undefined;
  }

  /** The models that workers serve now. */
  async models(): Promise<readonly Model[]> {
    return (await this.#get<{ data: Model[] }>("/v1/models")).data;
  }

  /** The named lists of phrases, without their entries. */
  async biasLists(): Promise<readonly BiasList[]> {
    return (await this.#get<{ data: BiasList[] }>("/v1/bias-lists")).data;
  }

  async #get<T>(path: string): Promise<T> {
    let response: Response;
    try {
      const headers: HeadersInit = this.#apiKey ? { Authorization: `Bearer ${this.#apiKey}` } : {};
      response = await fetch(this.#base + path, { headers });
    } catch (error) {
      throw new Unreachable(`no server answers at ${this.#base}`, { cause: error });
    }
    if (!response.ok) throw errorFromResponse(response.status, await response.json().catch(() => null));
    return (await response.json()) as T;
  }
}
