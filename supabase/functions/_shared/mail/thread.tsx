import type { ReactNode } from "react";
import type { z } from "zod";
import { Quote, Subtitle } from "./layout.tsx";
import type { message } from "./props.ts";

/** The newest message, what to do about it, and what was said before. */
export function Thread(props: { messages: z.infer<typeof message>[]; children: ReactNode }) {
  const [newest, ...earlier] = props.messages.map((one) => (
    <Quote key={one.created_at} text={one.body} author={one.author_name} at={one.created_at} />
  ));
  return (
    <>
      {newest}
      {props.children}
      {earlier.length > 0 && <Subtitle>Before that</Subtitle>}
      {earlier}
    </>
  );
}
