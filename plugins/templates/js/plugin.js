// Gives fields other names, and leaves out those that nobody needs.
import { Reject, keep, plugin, replace } from "./snowgate/sdk/snowgate.js";

export const transform = plugin({
  name: "my-plugin",
  version: "0.1.0",
  configSchema: {
    type: "object",
    properties: {
      rename: { type: "object", additionalProperties: { type: "string" }, description: "New names by old ones." },
      remove: { type: "array", items: { type: "string" }, description: "Fields to leave out." },
    },
    additionalProperties: false,
  },

  // Once for each instance. An error stops the gateway at start, with these words.
  configure({ rename = {}, remove = [], ...others }) {
    const [unknown] = Object.keys(others);
    if (unknown !== undefined) throw new Error(`unknown option \`${unknown}\`, there are \`rename\` and \`remove\``);
    return { rename: new Map(Object.entries(rename)), remove: new Set(remove) };
  },

  // Once for each record.
  transform(record, { rename, remove }) {
    if (record.value === null) return keep();
    const fields = record.json();
    if (fields === null || typeof fields !== "object" || Array.isArray(fields)) throw new Reject("the value is no JSON object");
    const wanted = Object.entries(fields).filter(([name]) => !remove.has(name));
    return replace(Object.fromEntries(wanted.map(([name, value]) => [rename.get(name) ?? name, value])));
  },
});
