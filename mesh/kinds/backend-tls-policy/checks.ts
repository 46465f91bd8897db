// BackendTLSPolicy: the expressions of its definition, which an API server would enforce.

import type { BackendTlsPolicySpec } from './spec.ts';
import type { Problem } from '../../reading/problem.ts';
import { errorAt } from '../../reading/problem.ts';

/** The problems of one BackendTLSPolicy. */
export function checkBackendTlsPolicy({ targetRefs, validation }: BackendTlsPolicySpec): readonly Problem[] {
  const problems: Problem[] = [];
  const { caCertificateRefs = [], wellKnownCACertificates = '', subjectAltNames = [] } = validation;
  if (caCertificateRefs.length > 0 === (wellKnownCACertificates !== '')) {
    problems.push(
      errorAt(
        'InvalidValue',
        ['spec', 'validation'],
        'Exactly one of `caCertificateRefs` and `wellKnownCACertificates` is needed.',
        'name a ConfigMap with the roots, or write `wellKnownCACertificates: System`',
      ),
    );
  }
  const sections = new Set<string>();
  targetRefs.forEach(({ group, kind, name, sectionName = '' }, index) => {
    const key = `${group}/${kind}/${name}/${sectionName}`;
    if (sections.has(key)) {
      const message = 'Two references to the same target need a `sectionName` each, and not the same.';
      problems.push(errorAt('InvalidValue', ['spec', 'targetRefs', index], message));
    }
    sections.add(key);
  });
  subjectAltNames.forEach(({ type, hostname, uri }, index) => {
    const [wanted, other] = type === 'URI' ? ([uri, hostname] as const) : ([hostname, uri] as const);
    if (wanted !== undefined && wanted !== '' && (other === undefined || other === '')) return;
    const message = `A name of type ${type} has the field \`${type === 'URI' ? 'uri' : 'hostname'}\`, and no other.`;
    problems.push(errorAt('InvalidValue', ['spec', 'validation', 'subjectAltNames', index], message));
  });
  return problems;
}
