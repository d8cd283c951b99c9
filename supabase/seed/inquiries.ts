import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "smol-toml";
import { z } from "zod";
import type { Person } from "./data.ts";

const Severity = z.enum(["normal", "high", "urgent"]);
const Step = z.strictObject({
  ago: z.number(),
  by: z.string(),
  gives: z.string().optional(),
  says: z.string().optional(),
  notes: z.string().optional(),
  sets: Severity.optional(),
  resolves: z.literal(true).optional(),
  reopens: z.literal(true).optional(),
  rates: z.int().optional(),
  word: z.string().optional(),
});
const Story = z.strictObject({
  author: z.string().optional(),
  visitor: z.string().optional(),
  address: z.string().optional(),
  asked: z.number(),
  severity: Severity.default("normal"),
  stay: z.string().optional(),
  subject: z.string(),
  message: z.string(),
  steps: z.array(Step).default([]),
});
const Stories = z.strictObject({ inquiry: z.array(Story) });

export type Story = z.infer<typeof Story>;
type Step = z.infer<typeof Step>;
type Status = "active" | "pending" | "resolved";

export type Said = { by: Person; role: string; body: string; internal: boolean; ago: number };
export type Change = {
  change: string;
  from: string | null;
  to: string | null;
  by: Person | null;
  ago: number;
};

/** Within how many hours a customer has an answer, as private.answer_within() says. */
const HOURS = { urgent: 4, high: 24, normal: 72 };

/**
 * An inquiry as its steps leave it, with what was said and what changed. Times are hours ago, so
 * that what is due later is below zero.
 */
export class Inquiry {
  readonly story: Story;
  readonly author: Person | null;
  readonly said: Said[] = [];
  readonly changes: Change[] = [];
  severity: Story["severity"];
  status: Status = "active";
  agent: Person | null = null;
  assigned: number | null = null;
  due: number | null;
  answered: number | null = null;
  resolved: number | null = null;
  rating: number | null = null;
  word: string | null = null;
  changed: number;
  readonly #find: (login: string) => Person;

  constructor(story: Story, find: (login: string) => Person) {
    this.story = story;
    this.#find = find;
    this.author = story.author ? find(story.author) : null;
    this.severity = story.severity;
    this.changed = story.asked;
    this.due = this.#dueFrom(story.asked);
    for (const step of story.steps) this.#take(step);
    // The admins know of what is overdue: nobody is mailed when the demo begins.
    if (this.due && this.due > 0 && this.answered === null) {
      this.changes.push({ change: "overdue", from: null, to: null, by: null, ago: this.due });
    }
  }

  #dueFrom(ago: number): number {
    return ago - HOURS[this.severity];
  }

  #take(step: Step): void {
    this.changed = step.ago;
    if (step.sets) this.#sort(step, step.sets);
    if (step.gives) this.#give(step, this.#find(step.gives));
    if (step.reopens) this.#become("active", step);
    if (step.notes) this.#say(step, step.notes, true);
    if (step.says) this.#say(step, step.says, false);
    if (step.resolves) this.#become("resolved", step);
    if (step.rates) {
      this.#note(step, "rating", null, String(step.rates));
      this.rating = step.rates;
      this.word = step.word ?? null;
    }
  }

  #note({ by, ago }: Step, change: string, from: string | null, to: string): void {
    this.changes.push({ change, from, to, by: this.#find(by), ago });
  }

  #sort(step: Step, severity: Story["severity"]): void {
    this.#note(step, "severity", this.severity, severity);
    if (this.due !== null) this.due += HOURS[this.severity] - HOURS[severity];
    this.severity = severity;
  }

  #give(step: Step, agent: Person): void {
    this.#note(step, "assigned_to", null, agent.id);
    this.agent = agent;
    this.assigned = step.ago;
    if (this.status === "active") this.#become("pending", step);
  }

  #become(status: Status, step: Step): void {
    this.#note(step, "status", this.status, status);
    this.status = status;
    if (status === "pending") return;
    this.resolved = status === "resolved" ? step.ago : null;
    this.due = status === "resolved" ? null : this.#dueFrom(step.ago);
  }

  #say(step: Step, body: string, internal: boolean): void {
    const by = this.#find(step.by);
    const isAuthor = by === this.author;
    const role = isAuthor ? "user" : (by.role ?? "user");
    this.said.push({ by, role, body, internal, ago: step.ago });
    if (internal) return;
    if (isAuthor) {
      this.due ??= this.#dueFrom(step.ago);
    } else {
      if (this.status === "active") this.#become("pending", step);
      this.answered ??= step.ago;
      this.due = null;
    }
  }
}

/** What people asked, and what became of it. */
export function readInquiries(people: Person[]): Inquiry[] {
  const file = readFileSync(join(import.meta.dirname, "inquiries.toml"), "utf8");
  const find = (login: string) => {
    const person = people.find((one) => one.login === login);
    if (!person) throw new Error(`inquiries.toml: there is no ${login} in people.toml.`);
    return person;
  };
  return Stories.parse(parse(file)).inquiry.map((story) => new Inquiry(story, find));
}
