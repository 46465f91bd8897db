import { pick, recordOf } from '../../fields.ts';
import type { KindDefinition } from '../definition.ts';
import { core } from '../families.ts';
import type { ConfigMapSpec } from './spec.ts';

const certificates = 'ca.crt';

export const configMap: KindDefinition<ConfigMapSpec> = {
  ...core,
  access: 'read',
  api: { plural: 'configmaps', watch: 'named', isReviewed: false },
  indexes: {},
  // The other contents of a ConfigMap do not matter here, and are no reason to refuse it.
  flatten: ({ data }) => {
    const text = recordOf(data)[certificates];
    return typeof text === 'string' ? { [certificates]: text } : {};
  },
  // The key `mesh` is the MeshConfig, which is read as an object of its own.
  trim: (object) => ({ ...object, data: pick(recordOf(object['data']), ['mesh', certificates]) }),
};
