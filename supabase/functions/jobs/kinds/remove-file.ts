import { z } from "zod";
import { kind } from "../tools.ts";

/**
 * Removes a file from Storage that nothing refers to any more. One that is gone already is fine; one
 * that was uploaded under the same name meanwhile stays, and so does one that is shown again.
 */
export const removeFile = kind({
  payload: z.object({ bucket: z.string(), path: z.string(), version: z.string().optional() }),
  async run({ bucket, path, version }, { database, storage }) {
    const [{ used }] = await database<[{ used: boolean }]>`
      select private.is_file_in_use(${bucket}, ${path}) as used`;
    if (used) return { kept: path };
    const files = storage.from(bucket);
    const { data: found } = await files.info(path);
    if (version && found && found.version !== version) return { kept: found.version };
    const { error } = await files.remove([path]);
    if (error) throw error;
    return undefined;
  },
});
