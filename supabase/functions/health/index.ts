import { serve } from "../_shared/serve.ts";
import { createChecks } from "./checks.ts";
import { answer, createHealth } from "./handler.ts";

const lookAround = createHealth(createChecks(Deno.env.toObject()));

export default serve(
  "health",
  "none",
  async (_request, { authMode }) => answer(await lookAround(), authMode === "secret"),
  ["GET"],
);
