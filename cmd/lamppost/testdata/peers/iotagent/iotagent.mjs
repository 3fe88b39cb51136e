// A FIWARE IoT Agent for JSON over MQTT made of iotagent-node-lib, which does
// the provisioning, the merging and the talk with the context broker, and of
// mqtt.js: iotagent.mjs MQTT_URL NORTH_PORT CONTEXT_BROKER_URL. Its registry is
// in memory. It prints "ready" when it listens, and lives until its input ends.
import { promisify } from "node:util";
import lib from "iotagent-node-lib";
import mqtt from "mqtt";

const [broker, port, contextBroker] = process.argv.slice(2);

await promisify(lib.activate)({
  logLevel: "ERROR",
  contextBroker: { url: contextBroker, ngsiVersion: "v2" },
  server: { port: Number(port), host: "127.0.0.1" },
  providerUrl: `http://127.0.0.1:${port}`,
  deviceRegistry: { type: "memory" },
  types: {},
  service: "city",
  subservice: "/",
  defaultType: "Thing",
  defaultResource: "/iot/json",
  pollingExpiration: 0,
});

const retrieveDevice = promisify(lib.retrieveDevice);
const update = promisify(lib.update);
const query = promisify(lib.query);
const client = mqtt.connect(broker, { clientId: `iotajson_${process.pid}`, protocolVersion: 4 });

const typeOf = (device, name) =>
  device.active?.find((a) => a.object_id === name || a.name === name)?.type ?? (name === "TimeInstant" ? "DateTime" : "string");

const group = (device, measures) => Object.entries(measures).map(([name, value]) => ({ name, type: typeOf(device, name), value }));

// As the agent for JSON does it: two groups or more are several measures; an
// array of one is an object with the attribute "0".
async function measures(device, message) {
  const several = Array.isArray(message) && message.length > 1;
  await update(device.name, device.type, "", several ? message.map((m) => group(device, m)) : group(device, message), device);
}

async function configuration(device, key, id, message) {
  if (message.type !== "configuration") return;
  const found = await query(device.name, device.type, "", message.fields, device);
  const values = Object.fromEntries(message.fields.filter((f) => f in found).map((f) => [f, found[f].value]));
  values.dt = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
  client.publish(`/${key}/${id}/configuration/values`, JSON.stringify(values));
}

async function take(topic, bytes) {
  const levels = topic.replace(/^\//, "").split("/");
  if (levels[0] === "json") levels.shift();
  const [key, id, kind, more] = levels;
  const device = await retrieveDevice(id, key);
  if (kind === "configuration" && more === "commands") await configuration(device, key, id, JSON.parse(bytes));
  else if (kind === "attrs" && more) await update(device.name, device.type, "", [{ name: more, type: "string", value: bytes.toString() }], device);
  else if (kind === "attrs") await measures(device, JSON.parse(bytes));
}

client.on("message", (topic, bytes) => {
  take(topic, bytes).catch((err) => console.error(topic, err.name ?? "", err.message ?? err));
});
client.on("connect", () => {
  // Shared, at QoS 0, with and without a slash in front: as the agents do.
  const topics = ["/", ""].flatMap((slash) =>
    ["attrs/+", "attrs", "configuration/commands", "cmdexe"].map((end) => `$share/json/${slash}json/+/+/${end}`));
  client.subscribe(topics, (err) => console.log(err ? `no subscription: ${err}` : "ready"));
});

process.stdin.resume().on("end", () => process.exit(0)).on("close", () => process.exit(0));
