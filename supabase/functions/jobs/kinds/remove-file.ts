import { z } from "zod";
import { kind } from "../tools.ts";

/** Removes a file from Storage that nothing refers to any more. One that is gone already is fine. */
export const removeFile = kind({
  payload: z.object({ bucket: z.string(), path: z.string() }),
  async run({ bucket, path }, { storage }) {
    const { error } = await storage.from(bucket).remove([path]);
    if (error) throw error;
    return undefined;
  },
});
