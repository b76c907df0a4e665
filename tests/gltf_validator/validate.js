// Runs the Khronos validator over the files named; prints a line for every error and warning, and nothing when all is well.
"use strict";

const fs = require("fs");
const path = require("path");
const validator = require("gltf-validator");

const LEVELS = ["error", "warning", "information", "hint"];

async function check(file) {
  const report = await validator.validateBytes(new Uint8Array(fs.readFileSync(file)), { uri: path.basename(file) });
  for (const message of report.issues.messages) {
    console.log(`${path.basename(file)}: ${LEVELS[message.severity]} ${message.code} at ${message.pointer}: ${message.message}`);
  }
  return report.issues.messages.length === 0 && !report.issues.truncated;
}

Promise.all(process.argv.slice(2).map(check)).then(
  (sound) => process.exit(sound.every(Boolean) ? 0 : 1),
  (problem) => {
    console.log(String(problem));
    process.exit(2);
  },
);
