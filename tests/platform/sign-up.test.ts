import { expect, test } from "vitest";
import { type AuthService, mendService } from "../../local/auth.ts";
import type { Settings } from "../../local/settings.ts";

/** What lite answers when confirmations are on and the address is taken. */
const taken = async () => Promise.reject(Object.assign(new Error("Wait."), { status: 429 }));

test("signing up with a taken address is answered as with a new one", async () => {
  const service = { signUp: taken } as unknown as AuthService;
  mendService(service, {} as Settings);
  const answer = await service.signUp("Known@people.test", "x", { name: "K" });
  expect(answer.user).toMatchObject({
    aud: "authenticated",
    email: "known@people.test",
    user_metadata: { name: "K" },
    confirmation_sent_at: expect.any(String),
  });
});
