import postgres from "postgres";
import { expect, test } from "vitest";
import { createAuth } from "../../local/auth.ts";
import type { Settings } from "../../local/settings.ts";

/** What lite answers when confirmations are on and the address is taken. */
const taken = async () => Response.json({ code: 429 }, { status: 429 });

test("signing up with a taken address is answered as with a new one", async () => {
  const auth = createAuth({} as Settings, { sql: postgres(), ask: taken });
  const body = JSON.stringify({ email: "Known@people.test", password: "x", data: { name: "K" } });
  const request = new Request("http://127.0.0.1/auth/v1/signup", { method: "POST", body });
  const answer = await auth.fetch(request);
  expect(answer.status).toBe(200);
  expect(await answer.json()).toMatchObject({
    aud: "authenticated",
    email: "known@people.test",
    user_metadata: { name: "K" },
    confirmation_sent_at: expect.any(String),
  });
});
