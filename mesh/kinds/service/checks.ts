// Service: the rules of the API server that matter to a mesh: names that can be host names, and
// ports with distinct names and numbers.

import { isIpAddress } from '../../address.ts';
import type { Problem } from '../../reading/problem.ts';
import { errorAt } from '../../reading/problem.ts';
import { checkUnique } from '../../validation/value.ts';
import type { ObjectOf } from '../definition.ts';
import type { ServiceSpec } from './spec.ts';

/** The problems of one Service. */
export function checkService({ metadata, spec }: ObjectOf<ServiceSpec>): readonly Problem[] {
  const { ports = [], clusterIP, clusterIPs = [] } = spec;
  const path = ['spec', 'ports'];
  const problems: Problem[] = [];
  if (!/^[a-z]([-a-z0-9]*[a-z0-9])?$/.test(metadata.name) || metadata.name.length > 63) {
    const message = `\`${metadata.name}\` cannot be the name of a Service: it begins with a letter, has no dots and at most 63 characters.`;
    problems.push(errorAt('InvalidValue', ['metadata', 'name'], message));
  }
  const names = ports.map(({ name }) => name);
  problems.push(...checkUnique(names, path, 'name'));
  const numbers = ports.map(({ port, protocol = 'TCP' }) => `${port}/${protocol}`);
  problems.push(...checkUnique(numbers, path, 'port'));
  if (ports.length > 1) {
    names.forEach((name, index) => {
      if (name === undefined)
        problems.push(errorAt('MissingField', [...path, index, 'name'], 'Of several ports each needs a name.'));
    });
  }
  const addresses = [{ text: clusterIP ?? '', at: ['spec', 'clusterIP'] as (string | number)[] }];
  clusterIPs.forEach((text, index) => addresses.push({ text, at: ['spec', 'clusterIPs', index] }));
  for (const { text, at } of addresses) {
    if (text !== '' && text !== 'None' && !isIpAddress(text)) {
      problems.push(errorAt('AddressInvalid', at, `\`${text}\` is no IP address.`));
    }
  }
  if (spec.type === 'ExternalName' && (spec.externalName ?? '') === '') {
    problems.push(
      errorAt('MissingField', ['spec', 'externalName'], 'A Service of the type ExternalName needs `externalName`.'),
    );
  }
  return problems;
}
