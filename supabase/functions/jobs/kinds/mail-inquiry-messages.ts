import { z } from "zod";
import { requestId } from "../../_shared/log.ts";
import { kind } from "../tools.ts";

/** Writes what was said in an inquiry within two minutes to the outbox, as one mail to the other side. */
export const mailInquiryMessages = kind({
  payload: z.object({ inquiry_id: z.uuid(), audience: z.enum(["author", "agent"]) }),
  async run({ inquiry_id, audience }, { database }) {
    const [{ mail_id }] = await database<[{ mail_id: string | null }]>`
      select private.mail_inquiry_messages(${inquiry_id}, ${audience}) as mail_id
      from private.caused_by(${requestId()})`;
    return { mail_id };
  },
});
