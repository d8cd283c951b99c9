import { createFileResponse } from "@remix-run/response/file";
import { HTTPException } from "hono/http-exception";
import type { Row } from "postgres";

const binary = "application/octet-stream";
export type Upload = { bytes: Uint8Array<ArrayBuffer>; mimetype: string; cacheControl: string };
export type Download = { bytes: Upload["bytes"]; object: Row };

/** Storage's refusals by code: the status (which stands in the body alone), `error`, `message`. */
const refusals = {
  InvalidRequest: [400, "InvalidRequest", "No content provided"],
  InvalidKey: [400, "InvalidKey", "Invalid key"],
  InvalidJWT: [400, "InvalidJWT", "The signature is invalid or has expired"],
  AccessDenied: [403, "Unauthorized", "Access denied"],
  NotFound: [404, "NotFound", "The local platform has nothing at this path"],
  NoSuchBucket: [404, "Bucket not found", "Bucket not found"],
  NoSuchKey: [404, "not_found", "Object not found"],
  KeyAlreadyExists: [409, "Duplicate", "The resource already exists"],
  EntityTooLarge: [413, "Payload too large", "The object exceeded the maximum allowed size"],
  InvalidMimeType: [415, "invalid_mime_type", "The mime type is not supported"],
} as const;

export function refusal(code: keyof typeof refusals, text?: string): HTTPException {
  const [statusCode, error, message] = refusals[code];
  const body = { statusCode: String(statusCode), error, code, message: text ?? message };
  return new HTTPException(400, { res: Response.json(body, { status: 400 }) });
}

/** Reads an upload: a raw body, or a form, as Blobs are sent. */
export async function receive(request: Request): Promise<Upload> {
  const mimetype = request.headers.get("content-type") ?? binary;
  const cacheControl = request.headers.get("cache-control") ?? "no-cache";
  const isForm = mimetype.startsWith("multipart/form-data");
  const body = await (isForm ? request.formData() : request.arrayBuffer()).catch(() => null);
  if (body instanceof ArrayBuffer) return { bytes: new Uint8Array(body), mimetype, cacheControl };
  const file = [...(body?.values() ?? [])].find((value) => value instanceof File);
  if (!body || !file) throw refusal("InvalidRequest");
  const type = String(body.get("contentType") ?? file.type);
  const age = `max-age=${Number(body.get("cacheControl")) || 0}`;
  return { bytes: await file.bytes(), mimetype: type, cacheControl: age };
}

/** Answers with a file: conditional requests, ranges, `?download=`. */
export async function serve(request: Request, { bytes, object }: Download) {
  const { mimetype, cacheControl } = object.metadata;
  const isType = /^[\w.+-]+\/[\w.+-]+( *;[ -~]*)?$/.test(mimetype);
  // As on hosted, a page is never served as one.
  const type = isType ? mimetype.replace(/.*html[^; ]*/i, "text/plain") : binary;
  const file = new File([bytes], "", { type, lastModified: object.updated_at });
  const options = { acceptRanges: true, cacheControl, etag: "strong" } as const;
  const response = await createFileResponse(file, request, options);
  response.headers.set("x-content-type-options", "nosniff");
  const download = new URL(request.url).searchParams.get("download");
  const name = encodeURIComponent(download ?? "");
  const names = name && ` filename=${name}; filename*=UTF-8''${name};`;
  if (download !== null) response.headers.set("content-disposition", `attachment;${names}`);
  return response;
}

/** Refuses what a bucket does not take. As on hosted it is the declared type that counts. */
export function mustAccept(bucket: Row, { mimetype, bytes }: Upload): void {
  if (bytes.length > (bucket.file_size_limit ?? Infinity)) throw refusal("EntityTooLarge");
  const type = mimetype.toLowerCase().replace(/ *;.*/, "");
  const accepted = ["*/*", type, type.replace(/\/.*/, "/*")];
  const allowed: string[] = bucket.allowed_mime_types ?? ["*/*"];
  if (allowed.some((entry) => accepted.includes(entry))) return;
  throw refusal("InvalidMimeType", `mime type ${mimetype} is not supported`);
}

/** Names as hosted takes them, and no step in them that is empty or climbs. */
export function mustBeName(name: string): void {
  const isName = /^(?!(.*\/)?\.{0,2}(\/|$))[\w/!.*'() &$@=;:+,?-]{1,1024}$/.test(name);
  if (!isName) throw refusal("InvalidKey", `Invalid key: ${name}`);
}
