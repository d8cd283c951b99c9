import { once } from "node:events";
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import postgres from "postgres";
import { SMTPServer, type SMTPServerSession } from "smtp-server";
import { createFunctions } from "../../local/functions.ts";
import { startPostgres } from "../../local/postgres.ts";
import { loadSettings, type Settings } from "../../local/settings.ts";

/** A database of the test's own with nothing around it: nobody works on its jobs but who is told to. */
export class World {
  readonly settings: Settings;
  /** The database as its superuser. */
  readonly sql: postgres.Sql;
  #server: Awaited<ReturnType<typeof startPostgres>> | undefined;
  #workers = new Set<Worker>();

  constructor(port: number) {
    const dataDir = mkdtempSync(join(tmpdir(), "djanobnb-faults-"));
    this.settings = loadSettings({ port, dataDir, readDotEnv: false });
    this.sql = postgres(this.settings.adminDatabaseUrl, { max: 3, onnotice: () => {} });
  }

  async start(): Promise<void> {
    this.#server = await startPostgres(this.settings);
    const owner = postgres(this.settings.databaseUrl, { max: 1, onnotice: () => {} });
    const cwd = this.settings.root;
    for (const file of globSync("supabase/migrations/*.sql", { cwd }).sort()) {
      await owner.unsafe(readFileSync(join(cwd, file), "utf8"));
    }
    await owner.end();
  }

  async restartDatabase(): Promise<void> {
    await this.#server?.stop();
    this.#server = await startPostgres(this.settings);
  }

  /** The function `jobs` in a process of its own, sending by that port. */
  worker(smtpPort: number, settings = this.settings): Worker {
    const worker = new Worker(settings, smtpPort);
    this.#workers.add(worker);
    return worker;
  }

  /** A second database beside this one, as it was made: for what takes long while others work here. */
  async twin(name: string): Promise<{ sql: postgres.Sql; settings: Settings }> {
    await this.sql.unsafe(`create database ${name} template postgres`);
    const at = (url: string) => url.replace(/[^/]*$/, name);
    const functionEnv = {
      ...this.settings.functionEnv,
      SUPABASE_DB_URL: at(this.settings.databaseUrl),
    };
    const sql = postgres(at(this.settings.adminDatabaseUrl), { max: 1, onnotice: () => {} });
    return { sql, settings: { ...this.settings, functionEnv } };
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#workers].map((worker) => worker.kill()));
    await this.sql.end({ timeout: 1 });
    await this.#server?.stop();
    rmSync(this.settings.dataDir, { recursive: true });
  }
}

export class Worker {
  #functions: ReturnType<typeof createFunctions>;
  #call: { url: string; headers: Record<string, string> };

  constructor(settings: Settings, smtpPort: number) {
    const functionEnv = { ...settings.functionEnv, SMTP_PORT: String(smtpPort) };
    this.#functions = createFunctions({ ...settings, functionEnv });
    this.#call = {
      url: `${settings.urls.api}/functions/v1/jobs`,
      headers: { apikey: settings.keys.secret, "content-type": "application/json" },
    };
  }

  /** Calls it as the database does, and gives the status and what it says. */
  async call(): Promise<{ status: number; done?: number; failed?: number; remaining?: number }> {
    const { url, headers } = this.#call;
    const request = new Request(url, { method: "POST", headers, body: "{}" });
    const answer = await this.#functions.call("jobs", request);
    return { status: answer.status, ...(await answer.json()) };
  }

  /** Ends it as a power cut does. */
  async kill(): Promise<void> {
    await this.#functions.stop();
  }
}

/** A port that nobody listens on now. */
export async function freePort(): Promise<number> {
  await using probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  return (probe.address() as AddressInfo).port;
}

/** What the server does with a mail, by the first word of the address; nothing special by default. */
export type Mood = "refuse" | "gone" | "busy" | "leave" | "cut" | "slow" | "content";

/** A mail server that keeps the Message-IDs of what it took, and has its moods. */
export class Sink {
  readonly taken: string[] = [];
  /** Set to have it treat all addresses alike. */
  wellBehaved = false;
  slowness = 1_000;
  port = 0;
  #server = new SMTPServer({
    authOptional: true,
    disabledCommands: ["STARTTLS"],
    onRcptTo: ({ address }, _session, done) => done(this.#refusal(this.#moodOf(address))),
    onData: (stream, session, done) => {
      const chunks: Buffer[] = [];
      const mood = this.#moodOf(recipientOf(session));
      stream.on("data", (chunk: Buffer) => {
        chunks.push(chunk);
        if (mood === "cut") this.#cut(session);
      });
      stream.on("end", () => {
        if (mood === "cut") return;
        if (mood === "content") return done(refusal(554, "5.6.0 Not like this"));
        this.taken.push(/^Message-ID: <(.*)>/im.exec(Buffer.concat(chunks).toString())![1]!);
        setTimeout(() => done(null, "taken"), mood === "slow" ? this.slowness : 0);
      });
    },
  });

  async open(port = 0): Promise<this> {
    this.#server.on("error", () => {});
    const server = this.#server.listen(port, "127.0.0.1");
    await once(server, "listening");
    this.port = (server.address() as AddressInfo).port;
    return this;
  }

  async close(): Promise<void> {
    await new Promise<void>((done) => this.#server.close(() => done()));
  }

  #moodOf(address: string): Mood | undefined {
    return this.wellBehaved ? undefined : (address.split("-")[0] as Mood);
  }

  #refusal(mood: Mood | undefined): Error | null {
    if (mood === "gone") return refusal(550, "5.1.1 No such user");
    if (mood === "refuse") return refusal(550, "5.7.1 Relaying denied");
    if (mood === "busy") return refusal(451, "4.3.0 Try again later");
    if (mood === "leave") return refusal(421, "4.3.2 Shutting down");
    return null;
  }

  /** Breaks the connection off in the middle of a message. */
  #cut({ id }: SMTPServerSession): void {
    for (const connection of this.#server.connections) {
      const { session, _socket } = connection as unknown as {
        session: SMTPServerSession;
        _socket: { destroy(): void };
      };
      if (session.id === id) _socket.destroy();
    }
  }
}

function recipientOf({ envelope }: SMTPServerSession): string {
  return envelope.rcptTo[0]!.address;
}

function refusal(responseCode: number, message: string): Error {
  return Object.assign(new Error(message), { responseCode });
}
