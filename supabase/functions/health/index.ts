import { serve } from "../_shared/serve.ts";
import { createChecks } from "./checks.ts";
import { answer, createHealth } from "./handler.ts";

export default serve("health", "none", {
  wire: () => createHealth(createChecks(Deno.env.toObject())),
  handle: async (_request, lookAround, { authMode }) =>
    answer(await lookAround(), authMode === "secret"),
  methods: ["GET"],
});
