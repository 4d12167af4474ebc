/** Elements of the page by their id. */

/** Throws Error when the page has no such element of that kind. */
export function byId<T extends Element>(id: string, kind: new () => T): T {
  const element = document.getElementById(id);
  if (!(element instanceof kind)) throw new Error(`no ${kind.name} has the id ${id}`);
  return element;
}
