import type { z } from "zod";
import { ApiError } from "./errors.ts";

/** No body that is meant for us comes near: Stripe's events have some tens of KB, messages 10,000 characters. */
const largestBody = 1024 * 1024;

/** A request's body as text. One that is too large is refused before it is read, or as soon as it shows. */
export async function readText(request: Request): Promise<string> {
  if (Number(request.headers.get("content-length")) > largestBody) throw tooLarge();
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  const reader = request.body?.getReader();
  for (let piece = await reader?.read(); piece?.value; piece = await reader?.read()) {
    size += piece.value.length;
    if (size > largestBody) {
      await reader?.cancel();
      throw tooLarge();
    }
    pieces.push(piece.value);
  }
  return await new Blob(pieces).text();
}

function tooLarge(): ApiError {
  return new ApiError(413, "body_too_large", "The body is too large.");
}

/** Parses a request's JSON body, no body being `{}`, or refuses with 400 and what is wrong with it. */
export async function readJson<Schema extends z.ZodType>(
  request: Request,
  schema: Schema,
): Promise<z.infer<Schema>> {
  const parsed = schema.safeParse(parse(await readText(request)));
  if (!parsed.success) {
    throw new ApiError(400, "invalid_body", `The body does not fit: ${sentenceOf(parsed.error)}.`);
  }
  return parsed.data;
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json || "{}");
  } catch {
    throw new ApiError(400, "invalid_json", "The body is not valid JSON.");
  }
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
