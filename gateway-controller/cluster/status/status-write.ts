// Turns the current and the wanted status of an object into a write, if one is needed: our entries
// and no others, with their times kept.

import { apiVersionOf, type KubernetesObject } from '../../../kubernetes/index.ts';
import type { RouteParentRef } from '../../../mesh/index.ts';
import { dateConditions, hasConditions, isFields, readConditions } from './condition.ts';
import type { Condition, DatedCondition } from './condition.ts';
import { ownsStatusField } from './ownership.ts';
import type { StatusKind } from './resolve-status.ts';
import type { AncestorStatus, GatewayAddress, ListenerStatus, ParentStatus, WantedStatus } from './status.ts';

type Fields = Readonly<Record<string, unknown>>;

/** The context of a write beside the two states. */
export interface WriteContext {
  readonly kind: StatusKind;
  readonly fieldManager: string;
  /**
   * Beside another control plane we remove only what we wrote last; alone, every condition of our
   * types.
   */
  readonly isGuest: boolean;
  /** The `controllerName` of our entries of a route's parents. */
  readonly controllerName: string;
  /** RFC 3339. */
  readonly now: string;
}

/** The object to apply to the subresource `status`, or undefined when there is nothing to write. */
export function planStatusWrite(
  current: KubernetesObject,
  wanted: WantedStatus,
  context: WriteContext,
): KubernetesObject | undefined {
  const before = isFields(current['status']) ? current['status'] : {};
  const ownsConditions = !context.isGuest || ownsStatusField(current, context.fieldManager, 'conditions');
  const status = planStatus(before, wanted, context, ownsConditions);
  if (status === undefined) return undefined;
  const { name, namespace, resourceVersion } = current.metadata;
  // Lists that are replaced as a whole must be those that were read; where the API merges, no
  // entries can be lost.
  const isWhole = !context.kind.mergesConditions;
  return {
    apiVersion: current.apiVersion ?? apiVersionOf(context.kind.resource),
    kind: context.kind.resource.kind,
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(isWhole && resourceVersion !== undefined ? { resourceVersion } : {}),
    },
    status,
  };
}

function planStatus(
  before: Fields,
  wanted: WantedStatus,
  context: WriteContext,
  ownsConditions: boolean,
): Fields | undefined {
  const { kind, now } = context;
  switch (wanted.kind) {
    case 'conditions': {
      const conditions = readConditions(before['conditions']);
      const { addresses = [] } = wanted;
      const hasAddresses =
        wanted.addresses === undefined || formatAddresses(before['addresses']) === formatAddresses(addresses);
      // We replace a condition of our types by another writer if we have something to report, and
      // never remove it.
      const ours = kind.conditionTypes.filter(
        (type) => ownsConditions || wanted.conditions.some((condition) => condition.type === type),
      );
      if (hasAddresses && hasConditions(conditions, wanted.conditions, ours)) return undefined;
      return {
        conditions: listConditions(conditions, wanted.conditions, { ...kind, conditionTypes: ours }, now),
        ...(addresses.length === 0 ? {} : { addresses }),
      };
    }
    case 'gateway': {
      const conditions = readConditions(before['conditions']);
      const isSame =
        hasConditions(conditions, wanted.conditions, kind.conditionTypes) &&
        JSON.stringify(readAddressList(before['addresses'])) === JSON.stringify(wanted.addresses) &&
        hasListeners(before['listeners'], wanted.listeners);
      if (isSame) return undefined;
      return {
        conditions: listConditions(conditions, wanted.conditions, kind, now),
        ...(wanted.addresses.length === 0 ? {} : { addresses: wanted.addresses }),
        listeners: wanted.listeners.map((listener) => ({
          ...listener,
          conditions: dateConditions(listener.conditions, listenerConditions(before['listeners'], listener.name), now),
        })),
      };
    }
    case 'route':
      return planEntries(before, { list: 'parents', reference: 'parentRef' }, wanted.parents, context);
    case 'policy':
      return planEntries(before, { list: 'ancestors', reference: 'ancestorRef' }, wanted.ancestors, context);
  }
}

/** The addresses of a ServiceEntry's hosts as one text, whatever their order. */
function formatAddresses(value: unknown): string {
  const list: readonly unknown[] = Array.isArray(value) ? value : [];
  return list
    .map((each) => (isFields(each) ? `${String(each['host'])}=${String(each['value'])}` : ''))
    .sort()
    .join(' ');
}

/** Ours only if the API merges by type; else the others' too, as they are. */
function listConditions(
  current: readonly DatedCondition[],
  wanted: readonly Condition[],
  { conditionTypes, mergesConditions }: StatusKind,
  now: string,
): readonly DatedCondition[] {
  const dated = dateConditions(wanted, current, now);
  return mergesConditions ? dated : [...current.filter(({ type }) => !conditionTypes.includes(type)), ...dated];
}

function readAddressList(value: unknown): readonly GatewayAddress[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((each: unknown): readonly GatewayAddress[] =>
    isFields(each)
      ? [{ type: each['type'] === 'Hostname' ? 'Hostname' : 'IPAddress', value: String(each['value']) }]
      : [],
  );
}

function listenerConditions(value: unknown, name: string): readonly DatedCondition[] {
  if (!Array.isArray(value)) return [];
  const found: unknown = value.find((each: unknown) => isFields(each) && each['name'] === name);
  return isFields(found) ? readConditions(found['conditions']) : [];
}

function hasListeners(value: unknown, wanted: readonly ListenerStatus[]): boolean {
  const current: readonly unknown[] = Array.isArray(value) ? value : [];
  return (
    current.length === wanted.length &&
    wanted.every((listener) => {
      const found = current.find((each) => isFields(each) && each['name'] === listener.name);
      if (!isFields(found) || found['attachedRoutes'] !== listener.attachedRoutes) return false;
      const kinds = found['supportedKinds'] ?? [];
      const conditions = readConditions(found['conditions']);
      return (
        JSON.stringify(kinds) === JSON.stringify(listener.supportedKinds) &&
        hasConditions(
          conditions,
          listener.conditions,
          conditions.map(({ type }) => type),
        )
      );
    })
  );
}

/**
 * The API's limit of a policy's ancestors, of all controllers together; routes may have twice as
 * many.
 */
const maxEntries = { parents: 32, ancestors: 16 } as const;

/** A list of a status whose entries name their owner. */
type EntryList =
  | { readonly list: 'parents'; readonly reference: 'parentRef' }
  | { readonly list: 'ancestors'; readonly reference: 'ancestorRef' };

function planEntries(
  before: Fields,
  { list, reference }: EntryList,
  asked: readonly (ParentStatus | AncestorStatus)[],
  { controllerName, now }: WriteContext,
): Fields | undefined {
  const current: readonly unknown[] = Array.isArray(before[list]) ? before[list] : [];
  const isOurs = (each: unknown): each is Fields => isFields(each) && each['controllerName'] === controllerName;
  const own = current.filter(isOurs);
  // Entries of ours for parents that are Gateways belong to an ingress controller of the same name.
  const isService = (each: Fields): boolean => isFields(each[reference]) && kindOfParent(each[reference]) !== 'Gateway';
  const ours = own.filter(isService);
  const others = current.filter((each) => !isOurs(each) || !isService(each));
  const wanted = asked.slice(0, Math.max(0, maxEntries[list] - others.length));
  const find = (to: string): Fields | undefined => ours.find((each) => formatParent(each[reference]) === to);
  const isSame =
    ours.length === wanted.length &&
    wanted.every((entry) => {
      const to = formatParent(referenceOf(entry));
      const found = readConditions(find(to)?.['conditions']);
      return (
        find(to) !== undefined &&
        hasConditions(
          found,
          entry.conditions,
          found.map(({ type }) => type),
        )
      );
    });
  if (isSame) return undefined;
  const entries = wanted.map((entry) => {
    const to = referenceOf(entry);
    const earlier = readConditions(find(formatParent(to))?.['conditions']);
    return { [reference]: to, controllerName, conditions: dateConditions(entry.conditions, earlier, now) };
  });
  return { [list]: [...others, ...entries] };
}

function referenceOf(entry: ParentStatus | AncestorStatus): RouteParentRef | AncestorStatus['ancestorRef'] {
  return 'parentRef' in entry ? entry.parentRef : entry.ancestorRef;
}

function kindOfParent(parent: Fields): string {
  return typeof parent['kind'] === 'string' ? parent['kind'] : 'Gateway';
}

/** The identity of a reference to a parent. */
function formatParent(parent: unknown): string {
  if (!isFields(parent)) return '';
  return JSON.stringify(
    ['group', 'kind', 'namespace', 'name', 'sectionName', 'port'].map((field) => parent[field] ?? ''),
  );
}
