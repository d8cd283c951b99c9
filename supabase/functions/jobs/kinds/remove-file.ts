import { z } from "zod";
import { kind } from "../tools.ts";

/**
 * Removes a file from Storage that nothing refers to any more. One that is gone already is fine, and
 * one that was uploaded under the same name meanwhile stays.
 */
export const removeFile = kind({
  payload: z.object({ bucket: z.string(), path: z.string(), version: z.string().optional() }),
  async run({ bucket, path, version }, { storage }) {
    const files = storage.from(bucket);
    const { data: found } = await files.info(path);
    if (version && found && found.version !== version) return { kept: found.version };
    const { error } = await files.remove([path]);
    if (error) throw error;
    return undefined;
  },
});
