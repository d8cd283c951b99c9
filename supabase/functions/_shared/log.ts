/** One JSON line a log entry. Facts hold ids and counts: no secrets, no bodies, no addresses. */
export function log(level: "info" | "warn" | "error", message: string, facts: object = {}): void {
  const line = JSON.stringify({ at: new Date().toISOString(), level, message, ...facts });
  if (level === "error") console.error(line);
  else console.log(line);
}

/** What went wrong, for the log: with its stack where it is a fault of ours. */
export function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
