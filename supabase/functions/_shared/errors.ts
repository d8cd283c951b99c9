import { z } from "zod";

/** A refusal: a stable code for a program and a sentence for a person. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** A setting is missing or makes no sense. The caller learns no more than that. */
export class NotConfigured extends ApiError {
  readonly names: string[];

  constructor(names: string[]) {
    super(500, "not_configured", "This service is not set up yet.");
    this.names = names;
  }
}

/** The database refuses with SQLSTATE PTxyz (HTTP status xyz), a sentence, and the code as hint. */
const DatabaseRefusal = z.object({
  code: z.string().regex(/^PT4\d\d$/),
  message: z.string(),
  hint: z.string(),
});

const Forbidden = z.object({ code: z.literal("42501") });

/** The database shuts down, starts, has no connection left, or cannot be reached at all. */
const Unreachable = z.object({
  code: z.string().regex(/^(57P0[1-3]|08\w{3}|53300|CONNECTION_\w+|CONNECT_TIMEOUT|ECONN\w+)$/),
});

/** Turns whatever was thrown into a refusal; null when it is a fault of ours. */
export function toApiError(error: unknown): ApiError | null {
  if (error instanceof ApiError) return error;
  const refusal = DatabaseRefusal.safeParse(error);
  if (refusal.success) {
    const { code, hint, message } = refusal.data;
    return new ApiError(Number(code.slice(2)), hint, message);
  }
  if (Forbidden.safeParse(error).success) {
    return new ApiError(403, "forbidden", "You are not allowed to do this.");
  }
  return null;
}

/** Whether a try in a moment may well succeed. */
export function isUnreachable(error: unknown): boolean {
  return Unreachable.safeParse(error).success;
}
