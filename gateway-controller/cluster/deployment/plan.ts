// The plan that makes a Gateway's objects as rendered: which to apply, which to remove, and which
// belong to others.

import { createHash } from 'node:crypto';
import type { KubernetesObject } from '../../../kubernetes/index.ts';
import { type Finding, gatewayNameLabel, type ObjectRef } from '../../../mesh/index.ts';
import { managedLabel, type TemplateObject } from '../../../templates/index.ts';
import { formatRendered, formatValue, readApplied } from './applied.ts';

/** Annotation on every deployed object: the generation of the templates that made it. */
export const templateVersionAnnotation = 'cairn.dev/template-version';
/**
 * Annotation on every deployed object: a digest of what was rendered, so that a field that is no
 * longer rendered is noticed too.
 */
export const templateDigestAnnotation = 'cairn.dev/template-digest';
/** Raised when an older controller must not touch what a newer one deployed. */
export const templateVersion = 1;

/** The last state of an applied object: what was rendered, and the API's answer. */
export interface AppliedMemory {
  readonly digest: string;
  /**
   * The result of `readApplied` for the API's answer, which has quantities, for one, in another
   * form.
   */
  readonly answer: string;
}

/** The input of a plan. */
export interface PlanInput {
  readonly gateway: { readonly ref: ObjectRef; readonly uid: string };
  /** The value of the managed label on objects of ours. */
  readonly managedBy: string;
  readonly rendered: readonly TemplateObject[];
  /** The object of this kind and name in the Gateway's namespace. */
  readonly find: (kind: string, name: string) => KubernetesObject | undefined;
  /** Objects with our label that name the Gateway. */
  readonly owned: readonly KubernetesObject[];
  readonly remember: (object: TemplateObject) => AppliedMemory | undefined;
}

/** One object to apply. `uid` is that of the object that is changed, absent if it is new. */
export interface PlannedApply {
  readonly object: TemplateObject;
  readonly digest: string;
  readonly uid?: string;
}

/** The steps, in this order. */
export interface DeploymentPlan {
  readonly apply: readonly PlannedApply[];
  readonly remove: readonly KubernetesObject[];
  readonly findings: readonly Finding[];
}

/**
 * Compares what is rendered with what is there. The plan is empty when everything is as it should
 * be.
 */
export function planDeployment(input: PlanInput): DeploymentPlan {
  const apply: PlannedApply[] = [];
  const findings: Finding[] = [];
  for (const object of input.rendered.map(stamp)) {
    const found = input.find(object.kind, object.metadata.name);
    const obstacle = found === undefined ? undefined : findObstacle(found, input);
    if (obstacle !== undefined) findings.push(obstacle);
    else if (found === undefined || !isAsRendered(found, object, input)) {
      const digest = digestOf(object);
      const { uid } = found?.metadata ?? {};
      apply.push({ object, digest, ...(uid === undefined ? {} : { uid }) });
    }
  }
  const wanted = new Set(input.rendered.map(({ kind, metadata }) => `${kind}/${metadata.name}`));
  // Nothing rendered means that existing objects stay.
  const remove =
    input.rendered.length === 0
      ? []
      : input.owned.filter((object) => isOurs(object, input) && !wanted.has(`${object.kind}/${object.metadata.name}`));
  return { apply, remove, findings };
}

/** The digest of an object as it is applied. */
function digestOf(object: TemplateObject): string {
  return object.metadata.annotations?.[templateDigestAnnotation] ?? '';
}

/** The object with the annotations that record its templates. */
function stamp(object: TemplateObject): TemplateObject {
  const digest = createHash('sha256').update(formatValue(object)).digest('hex').slice(0, 16);
  const annotations = {
    ...object.metadata.annotations,
    [templateVersionAnnotation]: String(templateVersion),
    [templateDigestAnnotation]: digest,
  };
  return { ...object, metadata: { ...object.metadata, annotations } };
}

function isAsRendered(found: KubernetesObject, object: TemplateObject, { remember }: PlanInput): boolean {
  if (found.metadata.annotations?.[templateDigestAnnotation] !== digestOf(object)) return false;
  const applied = readApplied(found, object);
  const memory = remember(object);
  if (memory !== undefined && memory.digest === digestOf(object)) return memory.answer === applied;
  return applied === formatRendered(object);
}

function isOurs({ metadata }: KubernetesObject, { managedBy, gateway }: PlanInput): boolean {
  return (
    metadata.labels?.[managedLabel] === managedBy &&
    metadata.deletionTimestamp === undefined &&
    (metadata.ownerReferences ?? []).some(({ kind, uid }) => kind === 'Gateway' && uid === gateway.uid)
  );
}

/** The reason why an existing object must not be touched. */
function findObstacle(found: KubernetesObject, { managedBy, gateway }: PlanInput): Finding | undefined {
  const { metadata, kind = '' } = found;
  const name = `${kind} ${gateway.ref.namespace}/${metadata.name}`;
  const finding = (code: Finding['code'], message: string, hint: string): Finding => ({
    code,
    severity: 'error',
    ref: gateway.ref,
    path: [],
    message,
    hint,
  });
  const manager = metadata.labels?.[managedLabel];
  const owner = metadata.labels?.[gatewayNameLabel];
  if (manager === undefined) {
    const other = 'delete or rename it, or give the Gateway the annotation gateway.istio.io/name-override';
    return finding('ObjectNotOurs', `${name} was there before and is not Cairn's: it is left alone`, other);
  }
  if (manager !== managedBy || owner !== gateway.ref.name) {
    const whose = manager === managedBy ? `Gateway "${owner ?? ''}"` : `the controller "${manager}"`;
    return finding('ObjectNotOurs', `${name} belongs to ${whose}: it is left alone`, 'give the Gateway another name');
  }
  const version = metadata.annotations?.[templateVersionAnnotation] ?? '0';
  if (/^\d+$/.test(version) && Number(version) <= templateVersion) return undefined;
  return finding(
    'ObjectNotOurs',
    `${name} was deployed by a newer controller (templates ${version}, here ${templateVersion}): it is left alone`,
    'bring all controllers to the newer version, or remove the annotation cairn.dev/template-version',
  );
}
