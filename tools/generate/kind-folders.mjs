// The folders of the kinds in `mesh/kinds/`, and the kind that each is named after.

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

export const kindsFolder = join(import.meta.dirname, '..', '..', 'mesh', 'kinds');

/** Every kind that has a schema, and the file of the schema, in the order of the folders. */
export function listSchemas() {
  return readdirSync(kindsFolder)
    .sort()
    .map((folder) => ({ kind: kindOf(folder), file: join(kindsFolder, folder, 'schema.json') }))
    .filter(({ file }) => existsSync(file));
}

/** `http-route` is HTTPRoute. */
function kindOf(folder) {
  return folder
    .replace(/(?<=^|-)(?:grpc|http|tcp|tls)(?=-)/g, (word) => word.toUpperCase())
    .replace(/(?:^|-)(.)/g, (_, letter) => letter.toUpperCase());
}
