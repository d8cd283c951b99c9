import type { ReactNode } from "react";
import type { z } from "zod";
import type { Topic } from "./topics.ts";

/** The frontend's address of a path. */
export type Link = (path: string) => string;

/** A mail: what it needs to know, and what it says. */
export type Template<Props = unknown> = {
  schema: z.ZodType<Props>;
  subject(props: Props): string;
  /** What a list of mails shows beside the subject. */
  preview(props: Props): string;
  content(props: Props, link: Link): ReactNode;
  /** Why the reader gets this mail: its last line. */
  reason: string;
  /** What one unsubscribes from to get no more of it; none for a mail that is essential. */
  topic?: Topic;
};

export function template<Props>(definition: Template<Props>): Template<Props> {
  return definition;
}
