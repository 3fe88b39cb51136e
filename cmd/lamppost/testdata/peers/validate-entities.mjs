// Validates entities in their key-values form against the JSON Schemas of the
// Smart Data Models: validate-entities.mjs SCHEMAS ENTITIES. An entity is a file
// named by its model, such as WeatherObserved.json or WeatherObserved-2.json.
// It prints one JSON object a line and reads nothing from the network.
import { readFileSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import Ajv from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

const [schemas, entities] = process.argv.slice(2);
const read = (dir, file) => JSON.parse(readFileSync(join(dir, file), "utf8"));

const ajv = new Ajv({ strict: false, allErrors: true });
addFormats(ajv);
const files = new Map(); // of what others refer to, by name
const models = new Map();
for (const file of readdirSync(schemas).filter((f) => f.endsWith(".json"))) {
  const schema = read(schemas, file);
  if (file.endsWith(".schema.json")) models.set(basename(file, ".schema.json"), schema);
  else files.set(file, schema);
  ajv.addSchema(schema, schema.$id);
}
// The same file is referred to at several addresses.
const references = JSON.stringify([...models.values()]).matchAll(/"\$ref":"([^"#]+)/g);
for (const [, url] of references) {
  const schema = files.get(basename(url));
  if (schema && !ajv.getSchema(url)) ajv.addSchema({ ...schema, $id: url });
}

for (const file of readdirSync(entities).filter((f) => f.endsWith(".json")).sort()) {
  const model = file.split(/[-.]/)[0];
  const schema = models.get(model);
  const out = { file, model, valid: false, errors: [] };
  if (!schema) {
    out.errors.push(`no schema of ${model}`);
  } else {
    const validate = ajv.getSchema(schema.$id);
    out.valid = validate(read(entities, file));
    out.errors = (validate.errors ?? []).map((e) => `${e.instancePath || "/"} ${e.message}`);
  }
  console.log(JSON.stringify(out));
}
