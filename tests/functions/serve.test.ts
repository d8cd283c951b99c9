import { corsHeaders } from "@supabase/supabase-js/cors";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { ApiError, NotConfigured } from "../../supabase/functions/_shared/errors.ts";
import { readJson, readText } from "../../supabase/functions/_shared/request.ts";
import { serve } from "../../supabase/functions/_shared/serve.ts";

// How whatever a function throws becomes an answer.

const logged = vi.spyOn(console, "error").mockReturnValue();
vi.spyOn(console, "log").mockReturnValue();
vi.stubEnv("SUPABASE_URL", "http://127.0.0.1:1");
vi.stubEnv("SUPABASE_PUBLISHABLE_KEYS", JSON.stringify({ default: "sb_publishable_1" }));
vi.stubEnv("SUPABASE_SECRET_KEYS", JSON.stringify({ default: "sb_secret_1" }));
beforeEach(() => logged.mockClear());

async function answerTo(thrown: unknown) {
  const func = serve("test", "none", {
    wire: () => undefined,
    handle: () => Promise.reject(thrown),
  });
  const response = await func.fetch(new Request("http://api/", { method: "POST" }));
  const text = await response.text();
  expect(text).not.toContain("secret detail");
  return [response.status, JSON.parse(text).error.code];
}

test.each([
  ["user", {}],
  ["user", { apikey: "sb_publishable_1" }],
  ["user", { apikey: "sb_publishable_1", authorization: "Bearer sb_publishable_1" }],
  ["secret", {}],
  ["secret", { apikey: "sb_publishable_1" }],
  ["secret", { apikey: "sb_secret_2" }],
] as const)("a function for %s does nothing for whoever brings %o", async (auth, headers) => {
  const [wire, handle] = [vi.fn(), vi.fn()];
  const request = new Request("http://api/", { method: "POST", headers });
  const response = await serve("test", auth, { wire, handle }).fetch(request);
  expect(wire).not.toHaveBeenCalled();
  expect(handle).not.toHaveBeenCalled();
  expect(response.status).toBe(401);
});

test("a refusal is passed on, and no fault", async () => {
  expect(await answerTo(new ApiError(409, "taken", "Taken."))).toEqual([409, "taken"]);
  const refusal = { code: "PT429", hint: "too_many_holds", message: "Too many." };
  expect(await answerTo(refusal)).toEqual([429, "too_many_holds"]);
  expect(await answerTo({ code: "42501" })).toEqual([403, "forbidden"]);
  expect(logged).not.toHaveBeenCalled();
});

test.each(["57P01", "57P03", "08006", "53300", "ECONNREFUSED", "CONNECTION_CLOSED"])(
  "a database that is away (%s) may be back in a moment; the log has it",
  async (code) => {
    const error = Object.assign(new Error("secret detail"), { code });
    expect(await answerTo(error)).toEqual([503, "unavailable"]);
    expect(logged).toHaveBeenCalledOnce();
  },
);

test("a setting that is missing is named in the log alone, and asked for again at the next call", async () => {
  const wire = vi.fn(() => {
    throw new NotConfigured(["SITE_URL"]);
  });
  const func = serve("test", "none", { wire, handle: vi.fn() });
  for (const calls of [1, 2]) {
    const response = await func.fetch(new Request("http://api/", { method: "POST" }));
    expect([response.status, await response.text()]).toEqual([
      500,
      expect.stringMatching(/"not_configured"(?!.*SITE_URL)/),
    ]);
    expect(wire).toHaveBeenCalledTimes(calls);
  }
  expect(logged.mock.calls[0]?.[0]).toContain("SITE_URL");
});

test("a fault is logged with its stack, and the caller learns no detail", async () => {
  for (const error of [new Error("secret detail"), { code: "40P01" }, "text"]) {
    expect(await answerTo(error)).toEqual([500, "internal_error"]);
  }
  expect(logged.mock.calls[0]?.[0]).toContain("secret detail");
});

test("a page may send what supabase-js sends", async () => {
  const func = serve("test", "none", { wire: vi.fn(), handle: vi.fn() });
  const asked = await func.fetch(new Request("http://api/", { method: "OPTIONS" }));
  const allowed = asked.headers.get("access-control-allow-headers")!.split(", ");
  expect(allowed).toEqual(
    expect.arrayContaining(corsHeaders["Access-Control-Allow-Headers"]!.split(", ")),
  );
  expect(allowed).toEqual(
    expect.arrayContaining(["traceparent", "baggage", "x-retry-count", "x-region", "x-request-id"]),
  );
});

test("HEAD is GET without its body, where there is one", async () => {
  const handle = async () => Response.json({ status: "degraded" }, { status: 503 });
  const wire = () => undefined;
  const head = () => new Request("http://api/", { method: "HEAD" });
  const answered = await serve("test", "none", { wire, handle, methods: ["GET"] }).fetch(head());
  expect([answered.status, await answered.text()]).toEqual([503, ""]);
  expect(answered.headers.get("content-type")).toBe("application/json");
  expect(answered.headers.get("x-request-id")).toBeTruthy();
  const refused = await serve("test", "none", { wire, handle }).fetch(head());
  expect([refused.status, await refused.text()]).toEqual([405, ""]);
});

describe("a body", () => {
  const largest = 1024 * 1024;
  const withBody = (body: BodyInit, headers = {}) =>
    new Request("http://api/", { method: "POST", body, headers, duplex: "half" } as RequestInit);
  const tooLarge = { status: 413, code: "body_too_large" };

  /** Pieces of 64 KB without an end, and how many of them were asked for. */
  function endless() {
    let pieces = 0;
    const body = new ReadableStream({
      pull(controller) {
        pieces++;
        controller.enqueue(new Uint8Array(65_536).fill(0x20));
      },
    });
    return { body, pieces: () => pieces };
  }

  test("is read up to 1 MiB, whatever it is made of", async () => {
    expect(await readText(withBody("é".repeat(largest / 2)))).toHaveLength(largest / 2);
    expect(await readText(new Request("http://api/"))).toBe("");
    await expect(readText(withBody("é".repeat(largest / 2 + 1)))).rejects.toMatchObject(tooLarge);
  });

  test("that says it is larger is not read", async () => {
    const { body, pieces } = endless();
    const request = withBody(body, { "content-length": String(largest + 1) });
    await expect(readJson(request, z.unknown())).rejects.toMatchObject(tooLarge);
    expect(pieces()).toBeLessThanOrEqual(1);
  });

  test("that goes on is read no further", async () => {
    const { body, pieces } = endless();
    await expect(readJson(withBody(body), z.unknown())).rejects.toMatchObject(tooLarge);
    expect(pieces()).toBeLessThan(20);
  });

  test("that is no JSON is refused as that", async () => {
    for (const body of [" ", "{", "\ufeff\ufeff{}"]) {
      await expect(readJson(withBody(body), z.unknown())).rejects.toMatchObject({
        status: 400,
        code: "invalid_json",
      });
    }
    expect(await readJson(withBody('{"a": "é"}'), z.unknown())).toEqual({ a: "é" });
    // As supabase-js sends a call without a body.
    expect(await readJson(new Request("http://api/"), z.unknown())).toEqual({});
  });
});
