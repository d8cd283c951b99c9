import { setTimeout as wait } from "node:timers/promises";
import { startExtensions } from "../../local/extensions.ts";
import { startGateway } from "../../local/gateway.ts";
import { askedToStop } from "../../local/processes.ts";
import { loadSettings } from "../../local/settings.ts";
import { startStripe } from "../stripe-double/server.ts";

// A part of the platform in a process of its own, so that its memory is nobody else's.
const parts = {
  gateway: [startGateway],
  outside: [startStripe, startExtensions],
};

// The database goes away under it, as `npm start` expects too.
process.on("unhandledRejection", (error) => console.error(error));
const [name, port, dataDir] = process.argv.slice(2) as [keyof typeof parts, string, string];
const settings = loadSettings({ port: Number(port), dataDir, readDotEnv: false });
const left = new Promise((resolve) => process.once("disconnect", resolve));
const running = await Promise.all(parts[name].map((start) => start(settings)));
process.send?.("ready");
await Promise.race([askedToStop(), left]);
// A connection that the driver has lost for good (porsager/postgres#1208) never says that it ended.
await Promise.race([Promise.all(running.map((part) => part.stop())), wait(3_000)]);
process.exit();
