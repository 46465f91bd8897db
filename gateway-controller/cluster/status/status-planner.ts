// Plans which statuses may have to change: those of objects that were added or changed, and those
// that were computed from something that changed.

import {
  type Finding,
  formatPath,
  formatRef,
  type MeshSnapshot,
  type ObjectRef,
  type QueryKey,
  ReaderIndex,
} from '../../../mesh/index.ts';
import { findStatusKind, resolveStatus, statusKindNames } from './resolve-status.ts';
import type { WantedStatus } from './status.ts';
import { findingsKey, objectKey, type StatusView, trackView } from './view.ts';

/** The changes since the last call. */
export interface StatusChange {
  readonly changed: readonly ObjectRef[];
  readonly touched: ReadonlySet<QueryKey>;
}

/** Remembers the inputs of each status. */
export class StatusPlanner {
  readonly #view: StatusView;
  readonly #readers = new ReaderIndex();
  #findings: ReadonlyMap<string, string> = new Map();

  constructor(view: StatusView) {
    this.#view = view;
  }

  /** The status that an object should have now. */
  resolve(ref: ObjectRef): WantedStatus | undefined {
    const { view, reads } = trackView(this.#view);
    const wanted = resolveStatus(view, ref);
    this.#readers.record(
      formatUnit(ref),
      wanted === undefined && view.object(ref.kind, ref.namespace, ref.name) === undefined ? new Set() : reads(),
    );
    return wanted;
  }

  /** The objects whose status is to be computed again. */
  dirty({ changed, touched }: StatusChange): readonly ObjectRef[] {
    const units = new Set(changed.filter(hasStatus).map(formatUnit));
    for (const key of [...touched, ...changed.map(objectKey)]) {
      for (const unit of this.#readers.of(key)) units.add(unit);
    }
    return [...units].map(parseUnit);
  }

  /** The objects with other Findings than the last time. */
  compareFindings(findings: readonly Finding[]): readonly ObjectRef[] {
    const lines = new Map<string, { readonly ref: ObjectRef; text: string }>();
    for (const { ref, code, severity, path, message, hint = '' } of findings) {
      const key = formatRef(ref);
      const known = lines.get(key) ?? { ref, text: '' };
      known.text += `${code} ${severity} ${formatPath(path)} ${message} ${hint}\n`;
      lines.set(key, known);
    }
    const before = this.#findings;
    this.#findings = new Map([...lines].map(([key, { text }]) => [key, text]));
    const units = new Set<string>();
    for (const [key, { ref, text }] of lines) {
      if (before.get(key) === text) continue;
      if (hasStatus(ref)) units.add(formatUnit(ref));
      for (const unit of this.#readers.of(findingsKey(ref))) units.add(unit);
    }
    for (const key of before.keys()) {
      if (lines.has(key)) continue;
      for (const unit of this.#readers.of(`findings:${key}`)) units.add(unit);
    }
    return [...units].map(parseUnit);
  }

  /** Every object of a configuration that may have a status. */
  static list(mesh: MeshSnapshot): readonly ObjectRef[] {
    return statusKindNames.flatMap((kind) =>
      mesh.list(kind).map(({ metadata: { namespace, name } }) => ({ kind, namespace, name })),
    );
  }
}

function hasStatus({ kind }: ObjectRef): boolean {
  return findStatusKind(kind) !== undefined;
}

/** `Kind/namespace/name`, the key of an object's work. */
export function formatUnit({ kind, namespace, name }: ObjectRef): string {
  return `${kind}/${namespace}/${name}`;
}

/** The object of a key of `formatUnit`. */
export function parseUnit(unit: string): ObjectRef {
  const [kind = '', namespace = '', name = ''] = unit.split('/');
  return { kind, namespace, name };
}
