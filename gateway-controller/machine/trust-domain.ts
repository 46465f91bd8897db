// The trust domain of a run: that of MeshConfig when it starts. Every certificate and every proxy
// is made for it, so a change waits for the next start, and a Finding says so.

import { combineManifests, defaultMeshSettings } from '../../mesh/index.ts';
import type { AnyMeshObject, Locate, PlacedFinding } from '../../mesh/index.ts';
import { readManifests } from './manifest-files.ts';
import { readStateFields } from './state.ts';
import type { StatePaths } from './state.ts';
import { describeRestart } from '../serving/trust-domain.ts';

/**
 * The trust domain that a directory of manifests asks for; while its MeshConfig cannot be read,
 * that of the last run.
 */
export async function chooseTrustDomain(directory: string, paths: StatePaths): Promise<string> {
  const manifests = await readManifests([directory], () => Promise.resolve(''));
  const { objects, rejected, standIns, findings } = combineManifests(manifests);
  const asked = findTrustDomain(objects);
  if (asked !== undefined) return asked;
  const isSpoilt =
    [...rejected, ...standIns.map(({ ref }) => ref)].some(({ kind }) => kind === 'MeshConfig') ||
    // It may be in a file whose content is not known.
    findings.some(({ code }) => code === 'FileNotReadable');
  return isSpoilt ? await lastTrustDomain(paths) : defaultMeshSettings.trustDomain;
}

/** The trust domain of the run that has, or last had, this state. */
export async function lastTrustDomain(paths: StatePaths): Promise<string> {
  const known = (await readStateFields(paths.run))['trustDomain'];
  return typeof known === 'string' ? known : defaultMeshSettings.trustDomain;
}

function findTrustDomain(objects: readonly AnyMeshObject[]): string | undefined {
  return objects.flatMap(({ kind, spec }) => (kind === 'MeshConfig' ? [spec.trustDomain] : []))[0];
}

/** The objects with the trust domain in force, and a Finding if another one is asked for. */
export function pinTrustDomain(
  objects: readonly AnyMeshObject[],
  trustDomain: string,
  locate: Locate,
): { readonly objects: readonly AnyMeshObject[]; readonly findings: readonly PlacedFinding[] } {
  const findings: PlacedFinding[] = [];
  const pinned = objects.map((object): AnyMeshObject => {
    if (object.kind !== 'MeshConfig') return object;
    const asked = object.spec.trustDomain ?? defaultMeshSettings.trustDomain;
    if (asked === trustDomain) return object;
    const finding = describeRestart(trustDomain, asked);
    const position = locate(finding.ref, finding.path);
    findings.push({ ...finding, ...(position === undefined ? {} : { position }) });
    return { ...object, spec: { ...object.spec, trustDomain } };
  });
  return findings.length === 0 ? { objects, findings } : { objects: pinned, findings };
}
