// A Sparkplug host application made of sparkplug-payload and mqtt.js: it prints
// what nodes publish, decoded, one JSON object a line, and asks a node for its
// births for each line "rebirth GROUP NODE" that it reads. With a second argument
// it is a host of that id, which says that it is online.
import { createInterface } from "node:readline";
import mqtt from "mqtt";
import sparkplug from "sparkplug-payload";

const codec = sparkplug.get("spBv1.0");
const [broker, id] = process.argv.slice(2);
const stateTopic = `spBv1.0/STATE/${id}`;
const timestamp = Date.now();
const state = (online) => JSON.stringify({ online, timestamp });
const will = id && { topic: stateTopic, payload: state(false), qos: 1, retain: true };
const client = mqtt.connect(broker, { clientId: "host", protocolVersion: 4, will });

// Whole numbers of 64 bits come as objects of their own: in JSON they are texts.
function plain(v) {
  if (v === null || v === undefined) return null;
  if (typeof v === "object" && typeof v.toUnsigned === "function") return v.toString();
  if (Array.isArray(v)) return v.map(plain);
  if (typeof v === "object") return Object.fromEntries(Object.entries(v).map(([k, w]) => [k, plain(w)]));
  return v;
}

const print = (o) => process.stdout.write(JSON.stringify(o) + "\n");

client.on("message", (topic, bytes, packet) => {
  const at = { topic, qos: packet.qos, retain: packet.retain, bytes: bytes.length };
  if (topic.includes("/NCMD/") || topic.includes("/STATE/")) return; // its own
  try {
    print({ ...at, payload: plain(codec.decodePayload(bytes)) });
  } catch (err) {
    print({ ...at, error: String(err) });
  }
});
client.on("error", (err) => print({ error: String(err) }));
client.on("connect", () =>
  client.subscribe("spBv1.0/#", { qos: 1 }, (err) => {
    if (id) client.publish(stateTopic, state(true), { qos: 1, retain: true });
    print(err ? { error: String(err) } : { ready: true });
  }));

createInterface({ input: process.stdin }).on("line", (line) => {
  const [what, group, node] = line.split(" ");
  if (what !== "rebirth") return;
  const timestamp = Date.now();
  const command = { timestamp, metrics: [{ name: "Node Control/Rebirth", type: "Boolean", value: true, timestamp }] };
  client.publish(`spBv1.0/${group}/NCMD/${node}`, Buffer.from(codec.encodePayload(command)));
}).on("close", () => client.end(true, () => process.exit(0)));
