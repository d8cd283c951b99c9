import { createHash } from "node:crypto";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream as NodeStream } from "node:stream/web";
import { Busboy } from "@fastify/busboy";
import { createFileResponse } from "@remix-run/response/file";
import { HTTPException } from "hono/http-exception";
import type { JSONValue } from "postgres";

/** What `storage.objects.metadata` tells of a file. */
export type Metadata = Awaited<ReturnType<typeof save>>;

/** A file on its way in, its bytes not read yet. */
type Incoming = { body: Readable; mimetype: string; cacheControl: string };
type Upload = Incoming & { userMetadata: JSONValue };

/** A refusal in Supabase Storage's words: HTTP 400 (or 500), the true status in the body. */
export function refusal(statusCode: number, code: string, message: string, error = code) {
  const body = { statusCode: String(statusCode), error, code, message };
  const status = statusCode < 500 ? 400 : 500;
  return new HTTPException(status, { message, res: Response.json(body, { status }) });
}

/** Reads an upload up to where its bytes begin: a raw body, or a form, as Blobs are sent. */
export async function receive({ body, headers }: Request): Promise<Upload> {
  const missing = () => refusal(400, "InvalidRequest", "No content provided");
  if (!body) throw missing();
  // Whoever reads a stream is told when it breaks; that nobody reads it yet is no accident.
  const source = Readable.fromWeb(body as NodeStream).on("error", () => {});
  const mimetype = headers.get("content-type") ?? "application/octet-stream";
  if (mimetype.startsWith("multipart/form-data")) {
    return receiveForm(source, mimetype).catch(() => Promise.reject(missing()));
  }
  const metadata = Buffer.from(headers.get("x-metadata") ?? "", "base64").toString();
  const cacheControl = headers.get("cache-control") ?? "no-cache";
  return { body: source, mimetype, cacheControl, userMetadata: parseObject(metadata) };
}

async function receiveForm(source: Readable, contentType: string): Promise<Upload> {
  const form = new Busboy({ headers: { "content-type": contentType }, limits: { files: 1 } });
  const fields: Record<string, string> = {};
  form.on("field", (name, value) => Object.assign(fields, { [name]: value }));
  const ended = new AbortController();
  let file: Readable | undefined;
  // A connection that breaks has to break the file too, or it would be waited for for ever.
  pipeline(source, form)
    .catch((error) => file?.destroy(error))
    .finally(() => ended.abort());
  const [, body, , , type] = await once(form, "file", { signal: ended.signal });
  file = body.on("error", () => {});
  const { contentType: mimetype = type, cacheControl: age = "", metadata = "" } = fields;
  const cacheControl = /^[ -~]+$/.test(age) ? `max-age=${age}` : "no-cache";
  return { body, mimetype, cacheControl, userMetadata: parseObject(metadata) };
}

function parseObject(text: string): JSONValue {
  try {
    return Object(JSON.parse(text));
  } catch {
    return {};
  }
}

/**
 * Writes an upload to a new file and describes it. What is too large is read to its end all the
 * same: a client that is cut off in the middle does not hear the answer.
 */
export async function save(file: Incoming, path: string, limit: number) {
  const { body, mimetype, cacheControl } = file;
  const hash = createHash("md5");
  let size = 0;
  async function* measured(chunks: AsyncIterable<Buffer>) {
    for await (const chunk of chunks) {
      size += chunk.length;
      hash.update(chunk);
      if (size <= limit) yield chunk;
    }
    const message = "The object exceeded the maximum allowed size";
    if (size > limit) throw refusal(413, "EntityTooLarge", message, "Payload too large");
  }
  await pipeline(body, measured, createWriteStream(path));
  const written = { eTag: `"${hash.digest("hex")}"`, lastModified: new Date().toISOString() };
  return { ...written, mimetype, cacheControl, size, contentLength: size, httpStatusCode: 200 };
}

/** Answers with an open file, and closes it: conditional requests, ranges, `?download=`. */
export async function serve(request: Request, handle: FileHandle, metadata: Metadata) {
  let reading = false;
  const read = (start: number, end = metadata.size) => {
    reading = true;
    const bytes = handle.createReadStream({ start, end: Math.max(end - 1, 0) });
    return Readable.toWeb(bytes) as ReadableStream;
  };
  const file = {
    ...{ name: "", size: metadata.size, type: servedType(metadata.mimetype) },
    lastModified: Date.parse(metadata.lastModified),
    stream: () => read(0),
    slice: (start = 0, end?: number) => ({ stream: () => read(start, end) }),
    arrayBuffer: () => new Response(read(0)).arrayBuffer(),
  };
  const response = await createFileResponse(file, request, {
    ...{ acceptRanges: true, cacheControl: metadata.cacheControl },
    ...{ etag: "strong", digest: async () => metadata.eTag.replaceAll('"', "") },
  });
  if (!reading) await handle.close();
  // An XML may hold scripts, SVG above all: opened as a page it gets no origin to run them in.
  if (file.type.includes("xml")) response.headers.set("content-security-policy", "sandbox");
  const name = new URL(request.url).searchParams.get("download");
  if (name !== null) response.headers.set("content-disposition", attachment(name));
  return response;
}

/** As on hosted, a page is never served as one. */
function servedType(mimetype: string): string {
  const type = mimetype.toLowerCase();
  if (!/^[\w.+-]+\/[\w.+-]+( *;[ -~]*)?$/.test(type)) return "application/octet-stream";
  return type.includes("html") ? "text/plain" : type;
}

function attachment(filename: string): string {
  const name = encodeURIComponent(filename);
  return name ? `attachment; filename=${name}; filename*=UTF-8''${name};` : "attachment;";
}
