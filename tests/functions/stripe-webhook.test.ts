import Stripe from "stripe";
import { beforeEach, describe, expect, test, vi } from "vitest";
import type { Database } from "../../supabase/functions/_shared/database.ts";
import { ApiError } from "../../supabase/functions/_shared/errors.ts";
import { forRequest } from "../../supabase/functions/_shared/log.ts";
import { receive } from "../../supabase/functions/stripe-webhook/handler.ts";

// The handler alone: real signatures, and a database that keeps what it is given.

const secret = "whsec_test";
const event = {
  id: "evt_1",
  type: "charge.refunded",
  created: 1_790_000_000,
  data: { object: {} },
};

let given: unknown[];
const database = (async (_: TemplateStringsArray, ...values: unknown[]) => {
  given.push(...values);
  return [{ outcome: "applied" }];
}) as unknown as Database;

beforeEach(() => {
  vi.spyOn(console, "log").mockImplementation(() => {});
  vi.spyOn(console, "error").mockImplementation(() => {});
  given = [];
});

const seconds = () => Math.floor(Date.now() / 1000);

function sign(payload: string, signer = secret, timestamp = seconds()) {
  return Stripe.webhooks.generateTestHeaderString({ payload, secret: signer, timestamp });
}

async function send(payload: string, signature: string | null = sign(payload), to = database) {
  const headers = signature === null ? {} : { "stripe-signature": signature };
  const request = new Request("http://localhost/", { method: "POST", body: payload, headers });
  return await receive(request, { database: to, webhookSecret: secret });
}

async function refusal(payload: string, signature?: string | null) {
  const error = await send(payload, signature).catch((thrown) => thrown);
  expect(error).toBeInstanceOf(ApiError);
  expect(given).toEqual([]);
  return [error.status, error.code];
}

test("hands the raw body and the request's id to the database", async () => {
  const body = JSON.stringify(event, null, 3);
  const response = await forRequest("request-1", () => send(body));
  expect([response.status, await response.json()]).toEqual([
    200,
    { received: true, outcome: "applied" },
  ]);
  expect(given).toEqual([body, "request-1"]);
});

describe("the signature", () => {
  const body = JSON.stringify(event);
  test.each([
    ["is missing", null, "missing_signature"],
    ["is empty", "", "missing_signature"],
    ["is no signature", "t=1,v1=", "invalid_signature"],
    ["is somebody else's", sign(body, "whsec_other"), "invalid_signature"],
    ["is of another body", sign(`${body} `), "invalid_signature"],
    ["is six minutes old", sign(body, secret, seconds() - 360), "invalid_signature"],
    ["has no time", sign(body).replace(/t=\d+/, "t=x"), "invalid_signature"],
    ["is of an old scheme", sign(body).replace("v1=", "v0="), "invalid_signature"],
  ])("%s", async (_, signature, code) => {
    expect(await refusal(body, signature)).toEqual([400, code]);
  });

  test("is four minutes old, which clocks may differ by", async () => {
    expect((await send(body, sign(body, secret, seconds() - 240))).status).toBe(200);
  });

  test("is one of several while a secret is replaced", async () => {
    const other = sign(body, "whsec_other").split(",")[1];
    expect((await send(body, `${sign(body)},${other}`)).status).toBe(200);
  });
});

test("what is signed and yet no event", async () => {
  for (const body of ["{}", '{"id": "evt_1"}', "[]", '{"id": "", "type": "x", "created": 1}']) {
    expect(await refusal(body, sign(body))).toEqual([400, "invalid_event"]);
  }
  for (const body of ["null", "7", "", "{", "evt_1"]) {
    expect((await refusal(body, sign(body)))[0]).toBe(400);
  }
  const large = JSON.stringify({ ...event, padding: "x".repeat(1024 * 1024) });
  expect(await refusal(large, sign(large))).toEqual([413, "body_too_large"]);
});

test("text that no database can hold is mended, and nothing else", async () => {
  const hard =
    '{"id":"evt_1","type":"x","created":1,"name":"a\\u0000b\\ud800c \\ud83d\\ude00 \\\\u0000"}';
  await send(hard);
  expect(JSON.parse(given[0] as string)).toEqual({
    id: "evt_1",
    type: "x",
    created: 1,
    name: "ab\ufffdc 😀 \\u0000",
  });
});

test("whatever the database refuses is a fault, so that Stripe sends the event again", async () => {
  for (const code of ["PT409", "42501", "40P01", "08006"]) {
    const failing = (async () => {
      throw Object.assign(new Error("no"), { code, hint: "dates_unavailable" });
    }) as unknown as Database;
    const error = await send(JSON.stringify(event), undefined, failing).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(Error);
    expect(error).not.toBeInstanceOf(ApiError);
    expect(error.code).toBeUndefined();
  }
});
