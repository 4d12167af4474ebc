/** Keeps the page itself in the browser, so that it opens without a network; what it sends never passes here. */

// `SHELL` is written at the build: the page's files, and a version that changes with their contents
const worker = self as unknown as ServiceWorkerGlobalScope & {
  readonly SHELL: { readonly version: string; readonly files: readonly string[] };
};

importScripts("shell.js");

const CACHE = `sotto-${worker.SHELL.version}`;
const SHELL_URLS = new Set(worker.SHELL.files.map((file) => new URL(file, worker.registration.scope).href));

worker.addEventListener("install", (event) => {
  event.waitUntil(fill().then(() => worker.skipWaiting()));
});

worker.addEventListener("activate", (event) => {
  event.waitUntil(dropFormer().then(() => worker.clients.claim()));
});

worker.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  url.search = url.hash = "";
  if (event.request.method === "GET" && SHELL_URLS.has(url.href)) event.respondWith(fromCache(url.href));
});

async function fill(): Promise<void> {
  const cache = await caches.open(CACHE);
  await cache.addAll([...SHELL_URLS].map((url) => new Request(url, { cache: "no-cache" })));
}

async function dropFormer(): Promise<void> {
  const former = (await caches.keys()).filter((name) => name.startsWith("sotto-") && name !== CACHE);
  await Promise.all(former.map((name) => caches.delete(name)));
}

async function fromCache(url: string): Promise<Response> {
  const cache = await caches.open(CACHE);
  return (await cache.match(url)) ?? fetch(url);
}
