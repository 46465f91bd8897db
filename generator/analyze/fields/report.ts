// Reports the fields of an object that are set and not applied.

import type { ResolveContext } from '../../resolve/context.ts';
import { type MeshObject, refOf } from '../../../mesh/index.ts';
import { type FieldCatalogue, namesOf, splitPattern } from './catalogue.ts';

/** The patterns of a kind by their steps; `whole` where a pattern ends, or goes on with `**`. */
interface Step {
  whole: boolean;
  readonly next: Map<string, Step>;
}

const patterns = new WeakMap<FieldCatalogue, Step>();

function patternsOf(catalogue: FieldCatalogue): Step {
  const known = patterns.get(catalogue);
  if (known !== undefined) return known;
  const root: Step = { whole: false, next: new Map() };
  const { applied, reported = [], elsewhere = {}, added = [] } = catalogue;
  for (const pattern of [...applied, ...reported, ...Object.keys(elsewhere), ...added]) {
    let step = root;
    for (const name of splitPattern(pattern)) {
      if (name === '**') break;
      const next: Step = step.next.get(name) ?? { whole: false, next: new Map() };
      step.next.set(name, next);
      step = next;
    }
    step.whole = true;
  }
  patterns.set(catalogue, root);
  return root;
}

/**
 * Reports every field of an object that is set and not applied, unless it is for others or a
 * resolver reports it.
 */
export function reportUnsupportedFields(context: ResolveContext, object: MeshObject, catalogue: FieldCatalogue): void {
  const path: (string | number)[] = ['spec'];
  const visit = (value: unknown, steps: readonly Step[]): void => {
    if (steps.some(({ whole }) => whole)) return;
    if (typeof value === 'object' && value !== null && steps.some(({ next }) => next.size > 0)) {
      const entries = Array.isArray(value) ? value.entries() : Object.entries(value);
      for (const [key, child] of entries) {
        if (child === undefined) continue;
        path.push(key);
        visit(child, stepsBelow(steps, key));
        path.pop();
      }
      return;
    }
    context.report({
      code: 'FieldNotSupported',
      // Fields that only other parts of Istio read are no fault of a mesh.
      severity: object.kind === 'MeshConfig' ? 'warning' : 'error',
      ref: refOf(object),
      path: [...path],
      message: 'this field is not supported at a waypoint yet, and has no effect',
    });
  };
  visit(object.spec, [patternsOf(catalogue)]);
}

function stepsBelow(steps: readonly Step[], key: string | number): readonly Step[] {
  const below: Step[] = [];
  for (const { next } of steps) {
    for (const name of namesOf(key)) {
      const step = next.get(name);
      if (step !== undefined) below.push(step);
    }
  }
  return below;
}
