// Overlays: changes that a ConfigMap makes to the objects of a waypoint, by strategic merge. An
// overlay may change anything but the kind and the owner of an object.

import { isMap, parseDocument } from 'yaml';
import type { FieldPath, Finding } from '../../mesh/index.ts';
import type { TemplateObject } from '../object.ts';
import { MergeError, mergeStrategic } from '../strategic-merge.ts';
import type { Overlay } from './deployment-input.ts';

/** The keys of an overlay, in the order in which their objects are applied. */
export const overlayKeys = [
  'serviceAccount',
  'deployment',
  'service',
  'horizontalPodAutoscaler',
  'podDisruptionBudget',
] as const;

/** A key of an overlay's data: which object it changes. */
export type OverlayKey = (typeof overlayKeys)[number];

/** One change to one object, still with its place. */
export interface ObjectPatch {
  readonly overlay: Overlay;
  readonly patch: Readonly<Record<string, unknown>>;
}

/** Changes by object, in the order of the overlays. */
export interface ParsedOverlays {
  readonly patches: Readonly<Record<OverlayKey, readonly ObjectPatch[]>>;
  readonly findings: readonly Finding[];
}

/** Reads overlays. An overlay that cannot be read is a Finding and changes nothing. */
export function parseOverlays(overlays: readonly Overlay[]): ParsedOverlays {
  const findings: Finding[] = [];
  const patches: Record<OverlayKey, ObjectPatch[]> = {
    serviceAccount: [],
    deployment: [],
    service: [],
    horizontalPodAutoscaler: [],
    podDisruptionBudget: [],
  };
  for (const overlay of overlays) {
    for (const [key, text] of Object.entries(overlay.data)) {
      const known = overlayKeys.find((name) => name === key);
      if (known === undefined) {
        findings.push({
          ...overlayFinding(overlay, ['data', key], `${key} is no object that is deployed for a Gateway`),
          hint: `the keys are ${overlayKeys.join(', ')}`,
        });
        continue;
      }
      const patch = parsePatch(text);
      if (typeof patch === 'string') findings.push(overlayFinding(overlay, ['data', key], patch));
      else patches[known].push({ overlay, patch });
    }
  }
  return { patches, findings };
}

/** The object with one key's changes applied in order. */
export function applyPatches(
  object: TemplateObject,
  key: OverlayKey,
  patches: readonly ObjectPatch[],
): { readonly object: TemplateObject; readonly findings: readonly Finding[] } {
  const findings: Finding[] = [];
  let current = object;
  for (const { overlay, patch } of patches) {
    const path = ['data', key];
    try {
      const merged = { ...current, ...mergeStrategic(current, patch) };
      const changed = findChangedIdentity(object, merged);
      if (changed === undefined) current = merged;
      else
        findings.push(
          overlayFinding(overlay, [...path, ...changed], `an overlay must not change ${changed.join('.')}`),
        );
    } catch (error) {
      if (!(error instanceof MergeError)) throw error;
      findings.push(overlayFinding(overlay, [...path, ...error.path], error.message));
    }
  }
  return { object: current, findings };
}

/**
 * The fields by which the object is found, owned or selected must stay; the path of the first that
 * does not.
 */
function findChangedIdentity(before: TemplateObject, after: TemplateObject): readonly string[] | undefined {
  const paths = [
    ['apiVersion'],
    ['kind'],
    ['metadata', 'name'],
    ['metadata', 'namespace'],
    ['metadata', 'ownerReferences'],
    ...identityLabels.map((label) => ['metadata', 'labels', label]),
    ...(before.kind === 'Deployment'
      ? [['spec', 'selector'], ...identityLabels.map((label) => ['spec', 'template', 'metadata', 'labels', label])]
      : []),
  ];
  return paths.find((path) => JSON.stringify(readPath(before, path)) !== JSON.stringify(readPath(after, path)));
}

const identityLabels = [
  'gateway.networking.k8s.io/gateway-name',
  'gateway.networking.k8s.io/gateway-class-name',
  'gateway.istio.io/managed',
  'app.kubernetes.io/managed-by',
];

function readPath(value: unknown, path: readonly string[]): unknown {
  let current = value;
  for (const step of path) {
    if (typeof current !== 'object' || current === null) return undefined;
    current = Object.entries(current).find(([key]) => key === step)?.[1];
  }
  return current;
}

/** The mapping in a text, or the fault of the text. */
function parsePatch(text: string): Readonly<Record<string, unknown>> | string {
  const document = parseDocument(text);
  const [error] = document.errors;
  if (error !== undefined) return `the text is not one YAML document: ${error.message.split('\n')[0] ?? ''}`;
  if (document.contents === null) return {};
  if (!isMap(document.contents)) return 'the text must be a part of an object';
  const value: unknown = document.toJS();
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function overlayFinding(overlay: Overlay, path: FieldPath, message: string): Finding {
  return {
    code: 'OverlayInvalid',
    severity: 'error',
    ref: overlay.ref,
    path,
    message: `${message}; nothing is deployed or changed until it is corrected`,
  };
}
