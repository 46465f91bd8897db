// Every step of code generation, in order: `npm run generate`. A step that is up to date prints
// nothing; one that ran prints a line. A checkout that was installed by hand has its Node from
// here, if the machine's own is too old.

import { existsSync } from 'node:fs';
import { provideNode } from './fetch-node.mjs';
import { generateEnvoySchema } from './generate/envoy-schema.mjs';

/**
 * Runs one step; a step returns its result ("envoy schema (87 files)"), or undefined when there was
 * nothing to do.
 */
async function runStep(step) {
  const started = performance.now();
  const made = await step();
  if (made !== undefined) console.log(`generate: ${made} ${((performance.now() - started) / 1000).toFixed(1)} s`);
}

await provideNode();
await runStep(generateEnvoySchema);

const meshSchemas = new URL('./generate/mesh-schemas.mjs', import.meta.url);
if (existsSync(meshSchemas)) {
  const { generateMeshSchemas } = await import(meshSchemas.href);
  await runStep(generateMeshSchemas);
}
