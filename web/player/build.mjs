// Writes the player into the Python package as one HTML file; equal sources and locked versions give equal bytes.
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build, transformSync } from "esbuild";

const here = name => fileURLToPath(new URL(name, import.meta.url));
const target = process.argv[2] ?? here("../../src/kinescale/render/player.html");

const three = JSON.parse(readFileSync(here("node_modules/three/package.json"), "utf8"));
const license = readFileSync(here("node_modules/three/LICENSE"), "utf8").trim();
const banner = `/*!\nIncludes three.js ${three.version}.\n\n${license}\n*/`;

const bundled = await build({
  absWorkingDir: here("."),
  entryPoints: ["src/main.js"],
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2022",
  charset: "ascii",
  legalComments: "none",
  banner: { js: banner },
  write: false,
});
const script = bundled.outputFiles[0].text.trim();
const style = transformSync(readFileSync(here("src/style.css"), "utf8"), { loader: "css", minify: true }).code.trim();
for (const [text, name] of [[script, "script"], [style, "style"]])
  if (/<\/(script|style)|<!--|\{\{(title|data)\}\}/i.test(text)) throw new Error(`the ${name} would end its own element`);

// The page may fetch nothing and run this script alone, whatever is put into it.
const hash = text => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
const policy = [
  "default-src 'none'", `script-src ${hash(script)}`, `style-src ${hash(style)}`, "base-uri 'none'", "form-action 'none'",
].join("; ");
const parts = { policy, style, script };
const page = readFileSync(here("src/page.html"), "utf8").replace(/%(policy|style|script)%/g, (_, name) => parts[name]);
writeFileSync(target, page);
