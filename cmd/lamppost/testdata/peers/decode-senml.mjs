// Reads SenML CBOR packs on standard input, one after the other, and prints each
// as a line of JSON. Labels are printed as the texts of RFC 8428, table 4; those
// that it does not list stay as they are.
import { readFileSync } from "node:fs";
import { Decoder } from "cbor-x";

const labels = new Map([
  [-1, "bver"], [-2, "bn"], [-3, "bt"], [-4, "bu"], [-5, "bv"], [-6, "bs"],
  [0, "n"], [1, "u"], [2, "v"], [3, "vs"], [4, "vb"], [5, "s"], [6, "t"], [7, "ut"], [8, "vd"],
]);
const decoder = new Decoder({ mapsAsObjects: false, useRecords: false, int64AsNumber: false });

// Whole numbers beyond 2^53 are texts in JSON, bytes are base64url as RFC 8428, 6 has it.
function plain(v) {
  if (typeof v === "bigint") return v <= Number.MAX_SAFE_INTEGER && v >= Number.MIN_SAFE_INTEGER ? Number(v) : v.toString();
  if (v instanceof Uint8Array) return Buffer.from(v).toString("base64url");
  if (Array.isArray(v)) return v.map(plain);
  if (v instanceof Map) return Object.fromEntries([...v].map(([k, w]) => [labels.get(Number(k)) ?? String(k), plain(w)]));
  return v;
}

const print = (v) => console.log(JSON.stringify(v));
try {
  decoder.decodeMultiple(readFileSync(0), (pack) => print(plain(pack)));
} catch (err) {
  print({ error: String(err) });
  process.exitCode = 1;
}
