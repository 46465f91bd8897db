// `cairn proxy-config ecds`: the filters that an Envoy got by name.

import type { Column } from '../table.ts';
import { listResources } from './dump.ts';
import type { ProxyDump } from './dump.ts';
import { at, text } from './json.ts';

/** The columns that istioctl shows. */
export const extensionColumns: readonly Column<unknown>[] = [
  { title: 'ecds name', cell: (filter) => text(at(filter, 'name')) },
  { title: 'type', cell: (filter) => text(at(filter, 'typed_config', '@type')).replace('type.googleapis.com/', '') },
];

/** The filters, by name. */
export function listExtensions(dump: ProxyDump): readonly unknown[] {
  return [...listResources(dump, 'EcdsConfigDump', ['ecds_filters'], ['ecds_filter'])].sort((a, b) =>
    text(at(a, 'name')).localeCompare(text(at(b, 'name')), 'en'),
  );
}
