import { AsyncLocalStorage } from "node:async_hooks";

const request = new AsyncLocalStorage<string>();

/** Does something for the request of that id, which each log entry meanwhile bears. */
export function forRequest<Result>(id: string, work: () => Result): Result {
  return request.run(id, work);
}

/** The id of the request for which this is done, or null. */
export function requestId(): string | null {
  return request.getStore() ?? null;
}

/** A mail address, as others write it into what they answer us. Not `package@1.2.3` in a stack. */
const ADDRESS = /[^\s<>()[\]{},;:"'`\\@]{1,64}@(?:[\p{L}\p{N}-]+\.)+\p{L}[\p{L}\p{N}-]*/gu;

/** One JSON line a log entry. Facts hold ids and counts: no secrets, no bodies, no addresses. */
export function log(level: "info" | "warn" | "error", message: string, facts: object = {}): void {
  const at = new Date().toISOString();
  const entry = { at, level, message, requestId: request.getStore(), ...facts };
  const line = JSON.stringify(entry, (_, value) =>
    typeof value === "string" ? value.replace(ADDRESS, "[address]") : value,
  );
  if (level === "error") console.error(line);
  else console.log(line);
}

/** What went wrong, for the log: with its stack where it is a fault of ours. */
export function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** What went wrong, in a sentence for an operator. Some errors of the network have a code alone. */
export function reasonOf(error: unknown): string {
  const { message, code } = error as { message?: string; code?: string };
  return message || code || String(error);
}
