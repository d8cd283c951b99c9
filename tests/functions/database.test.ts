import { EventEmitter } from "node:events";
import { expect, test } from "vitest";
import { connect } from "../../supabase/functions/_shared/database.ts";

// The driver alone, with a server of the test's own at the other end of its socket.

/** A message of Postgres's: its letter, its length, what it says. */
function message(letter: string, ...body: number[]): Buffer {
  return Buffer.from([letter.charCodeAt(0), 0, 0, 0, body.length + 4, ...body]);
}

const letIn = Buffer.concat([message("R", 0, 0, 0, 0), message("Z", 0x49)]);
const answer = Buffer.concat([
  ...[message("1"), message("2"), message("C", ...Buffer.from("SELECT 0\0"))],
  message("Z", 0x49),
]);

/** Lets everybody in, and answers each query with no rows. */
class Socket extends EventEmitter {
  #isIn = false;

  write(): boolean {
    const said = this.#isIn ? answer : letIn;
    this.#isIn = true;
    queueMicrotask(() => this.emit("data", said));
    return true;
  }

  end(): void {}

  destroy(): void {
    queueMicrotask(() => this.emit("close", false));
  }
}

test("a connection that ends before its query was sent keeps none of the following waiting", async () => {
  const sockets: Socket[] = [];
  const socket = () => {
    sockets.push(new Socket());
    return sockets.at(-1);
  };
  const options = { socket, max: 1, connect_timeout: 0.2, fetch_types: false, prepare: false };
  const database = connect("postgresql://u:p@127.0.0.1/x", options as never);
  const ask = () =>
    database`select`.simple().then(
      () => "answered",
      ({ code }) => code,
    );
  expect(await ask()).toBe("answered");
  const lost = ask();
  await Promise.resolve();
  sockets[0]!.emit("close", false);
  expect(await lost).toBe("CONNECTION_CLOSED");
  expect([await ask(), await ask()]).toEqual(["answered", "answered"]);
  expect(sockets).toHaveLength(2);
});
