import type { z } from "zod";
import { ApiError } from "./errors.ts";

/** Parses a request's JSON body, or refuses with 400 and what is wrong with it. */
export async function readJson<Schema extends z.ZodType>(
  request: Request,
  schema: Schema,
): Promise<z.infer<Schema>> {
  const body = await request.json().catch(() => {
    throw new ApiError(400, "invalid_json", "The body is not valid JSON.");
  });
  const parsed = schema.safeParse(body);
  if (!parsed.success) {
    throw new ApiError(400, "invalid_body", `The body does not fit: ${sentenceOf(parsed.error)}.`);
  }
  return parsed.data;
}

/** What is wrong, in one line and with the names of the fields. */
function sentenceOf(error: z.ZodError): string {
  return error.issues
    .map(({ path, message }) => (path.length ? `${path.join(".")}: ${message}` : message))
    .join("; ");
}

/**
 * The caller's IP address as the gateway saw it. Cloudflare, in front of hosted projects, overwrites
 * its own header; in a list the last entry is the one that the caller could not write.
 */
export function ipOf({ headers }: Request): string | null {
  const hops = headers.get("x-forwarded-for")?.split(",") ?? [];
  return headers.get("cf-connecting-ip") ?? hops.at(-1)?.trim() ?? null;
}
