// Writes the pages into the Python package: the player as one HTML file, the studio as a folder. Equal sources and locked
// versions give equal bytes. node build.mjs [PLAYER.html [STUDIO_FOLDER]]
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build, transformSync } from "esbuild";

const here = name => fileURLToPath(new URL(name, import.meta.url));
const player = process.argv[2] ?? here("../src/kinescale/render/player.html");
const studio = process.argv[3] ?? (process.argv[2] ? null : here("../src/kinescale/server/page"));

const three = JSON.parse(readFileSync(here("node_modules/three/package.json"), "utf8"));
const license = readFileSync(here("node_modules/three/LICENSE"), "utf8").trim();
const banner = `/*!\nIncludes three.js ${three.version}.\n\n${license}\n*/`;

const bundle = (entry, format) => build({
  absWorkingDir: here("."),
  entryPoints: [entry],
  bundle: true,
  minify: true,
  format,
  target: "es2022",
  charset: "ascii",
  legalComments: "none",
  banner: { js: banner },
  write: false,
});
const code = async (entry, format) => (await bundle(entry, format)).outputFiles[0].text.trim();
const css = name => transformSync(readFileSync(here(name), "utf8"), { loader: "css", minify: true }).code.trim();

const script = await code("player/main.js", "iife"), style = css("player/style.css");
for (const [text, name] of [[script, "script"], [style, "style"]])
  if (/<\/(script|style)|<!--|\{\{(title|data)\}\}/i.test(text)) throw new Error(`the ${name} would end its own element`);

// The page may fetch nothing and run this script alone, whatever is put into it.
const hash = text => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
const policy = [
  "default-src 'none'", `script-src ${hash(script)}`, `style-src ${hash(style)}`, "base-uri 'none'", "form-action 'none'",
].join("; ");
const parts = { policy, style, script };
const page = readFileSync(here("player/page.html"), "utf8").replace(/%(policy|style|script)%/g, (_, name) => parts[name]);
writeFileSync(player, page);

if (studio) {
  mkdirSync(studio, { recursive: true });
  writeFileSync(`${studio}/studio.js`, await code("studio/main.js", "esm"));
  writeFileSync(`${studio}/studio.css`, css("studio/style.css"));
  copyFileSync(here("studio/index.html"), `${studio}/index.html`);
}
