// What shows that a field is what the catalogue says. A field that is applied is in a golden case, and without it, or with another
// value where there must be one, Envoy is given something else. A field that is reported has a Finding when it is set.

import type { FieldPath, FindingCode, Kind } from '../../mesh/index.ts';
import { type CaseObject, type GoldenCase, type Outcome, type Reading, resolveOutcome } from './cases.ts';
import { findPlaces, follow, type Place, removeAt, replaceAt, type Schema, specSchema, type Steps } from './fields.ts';

/** What a golden case shows of an applied field. */
export interface Proof {
  readonly case: string;
  /** `removed`: without it something else is served. `changed`: it must be there, and another value means something else. */
  readonly by: 'removed' | 'changed' | 'refused';
}

/** The cases, with what came of each as it is. */
export class Evidence {
  readonly #cases: readonly GoldenCase[];
  readonly #outcomes = new Map<GoldenCase, Outcome>();

  constructor(cases: readonly GoldenCase[]) {
    this.#cases = cases;
  }

  /**
   * The first case that shows a field to be applied; undefined when there is none. `refused` only where no value but this one is
   * accepted, as with a field that says which of the others is set.
   */
  proveApplied(kind: Kind, steps: Steps): Proof | undefined {
    const uses = [...this.#usesOf(kind, steps)];
    for (const use of uses) if (this.#changes(use, removeAt(use.object.spec, use.place))) return proof(use, 'removed');
    const schema = schemaOf(kind, steps);
    for (const use of uses) {
      for (const value of otherValues(valueAt(use.object.spec, use.place), schema)) {
        if (this.#changes(use, replaceAt(use.object.spec, use.place, value))) return proof(use, 'changed');
      }
    }
    const refusing = uses.find(
      ({ of, object, place }) => isRejected(resolveOutcome(of, object, removeAt(object.spec, place))) && this.#isTaken(of, object),
    );
    return refusing === undefined ? undefined : proof(refusing, 'refused');
  }

  /** The code of the Finding that there is at a field, or at what holds it, once the field is set in some object of a case. */
  proveReported(kind: Kind, steps: Steps): FindingCode | undefined {
    const { spec: schema, root } = specSchema(kind);
    for (const { of, object } of this.#objectsOf(kind)) {
      for (const value of sampleValues(schemaOf(kind, steps), root)) {
        const { spec, place } = setAt(object.spec, steps, { schema, root }, value);
        const { findings } = resolveOutcome(of, object, spec);
        const found = findings.find(({ code, path }) => !structuralCodes.has(code) && isAbout(path, place));
        if (found !== undefined) return found.code;
      }
    }
    return undefined;
  }

  *#objectsOf(kind: Kind): Generator<{ readonly of: GoldenCase; readonly object: CaseObject }> {
    for (const of of this.#cases) for (const object of of.objects) if (object.kind === kind) yield { of, object };
  }

  *#usesOf(kind: Kind, steps: Steps): Generator<Use> {
    for (const { of, object } of this.#objectsOf(kind)) {
      for (const place of findPlaces(object.spec, steps)) yield { of, object, place };
    }
  }

  #changes({ of, object }: Use, spec: unknown): boolean {
    const outcome = resolveOutcome(of, object, spec);
    return outcome.effect !== this.#outcomeOf(of).effect && !isRejected(outcome);
  }

  #isTaken(of: GoldenCase, object: CaseObject): boolean {
    return !isRejected(resolveOutcome(of, object, object.spec));
  }

  #outcomeOf(of: GoldenCase): Outcome {
    const known = this.#outcomes.get(of) ?? resolveOutcome(of);
    this.#outcomes.set(of, known);
    return known;
  }
}

interface Use {
  readonly of: GoldenCase;
  readonly object: CaseObject;
  readonly place: Place;
}

function proof({ of }: Use, by: Proof['by']): Proof {
  return { case: of.name, by };
}

function isRejected({ reading }: { readonly reading: Reading }): boolean {
  return reading === 'rejected';
}

/** Codes that say that a manifest is no manifest: nothing is known of the field then. */
const structuralCodes: ReadonlySet<FindingCode> = new Set(['SyntaxError', 'UnknownField', 'InvalidType', 'NotAnObject']);

/** Whether a Finding is about the field at a place: it names the field, something that holds it, or the type of what holds it. */
function isAbout(path: FieldPath, place: Place): boolean {
  const below = path.at(-1) === 'type' ? path.slice(1, -1) : path.slice(1);
  return below.length > 0 && below.every((step, index) => step === place[index]);
}

function schemaOf(kind: Kind, steps: Steps): Schema {
  const { spec, root } = specSchema(kind);
  return steps.reduce((schema, step) => below(follow(schema, root), step), spec);
}

function below(schema: Schema, step: string): Schema {
  return (step === '[]' ? schema.items : (schema.properties?.[step] ?? schema.additionalProperties)) ?? {};
}

function valueAt(value: unknown, place: Place): unknown {
  return place.reduce((within: unknown, step) => (within as Readonly<Record<string | number, unknown>>)[step], value);
}

/** Other values that a field may have, near to the one that it has. */
function otherValues(value: unknown, schema: Schema): readonly unknown[] {
  if (schema.enum !== undefined) return schema.enum.filter((each) => each !== value);
  if (typeof value === 'boolean') return [!value];
  if (typeof value === 'number') return [value + 1, value - 1];
  if (typeof value !== 'string') return [];
  const others = [`${value}x`, `${value}/x`, value.replace(/\d+/, (digits) => String(Number(digits) + 1))];
  return others.filter((each) => each !== value);
}

/** Values that a field may have: of a kind that most definitions of a string accept, and all of an enumeration. */
function sampleValues(schema: Schema, root: Schema): readonly unknown[] {
  const { type, enum: values, minimum = 1, pattern } = follow(schema, root);
  if (values !== undefined) return values;
  const types = [type ?? 'string'].flat();
  if (types.includes('boolean')) return [true];
  if (types.includes('integer') || types.includes('number')) return [Math.max(minimum, 1)];
  if (types.includes('object')) return [{}];
  const texts = ['x', '1s', 'a/b', '/x', 'Local', 'ClientIP', 'x.example', '10.0.0.1', 'http://x.example', ''];
  return pattern === undefined ? texts : texts.filter((text) => new RegExp(pattern).test(text));
}

/** A copy with a value at the first place that a path can mean; what is missing on the way, and what must stand beside it, is made up. */
function setAt(
  value: unknown,
  [step, ...rest]: Steps,
  of: { readonly schema: Schema; readonly root: Schema },
  wanted: unknown,
): { readonly spec: unknown; readonly place: Place } {
  if (step === undefined) return { spec: wanted, place: [] };
  const schema = follow(of.schema, of.root);
  const next = { schema: below(schema, step), root: of.root };
  if (step === '[]') {
    const items: readonly unknown[] = Array.isArray(value) ? value : [];
    const { spec, place } = setAt(items[0], rest, next, wanted);
    return { spec: [spec, ...items.slice(1)], place: [0, ...place] };
  }
  const fields = (typeof value === 'object' && value !== null ? value : made(schema, of.root)) as Readonly<
    Record<string, unknown>
  >;
  const key = step === '*' ? (Object.keys(fields)[0] ?? 'x') : step;
  const rivals = (schema['x-at-most-one'] ?? []).filter((names) => names.includes(key)).flat();
  const kept = Object.entries(fields).filter(([name]) => name === key || !rivals.includes(name));
  const { spec, place } = setAt(fields[key], rest, next, wanted);
  const typed = step in filterTypes && 'type' in fields ? { type: filterTypes[step] } : {};
  const others = step in filterTypes ? kept.filter(([name]) => !(name in filterTypes)) : kept;
  return { spec: { ...Object.fromEntries(others), ...typed, [key]: spec }, place: [key, ...place] };
}

/** In filters of routes one field says which of the others is there. */
const filterTypes: Readonly<Record<string, string>> = {
  requestHeaderModifier: 'RequestHeaderModifier',
  responseHeaderModifier: 'ResponseHeaderModifier',
  requestMirror: 'RequestMirror',
  requestRedirect: 'RequestRedirect',
  urlRewrite: 'URLRewrite',
  cors: 'CORS',
  externalAuth: 'ExternalAuth',
  extensionRef: 'ExtensionRef',
};

/** The least that a schema accepts. */
function made(of: Schema, root: Schema): unknown {
  const schema = follow(of, root);
  const { properties, required = [], items, type } = schema;
  if (type === 'array') return items === undefined ? [] : [made(items, root)];
  if (type !== 'object') return sampleValues(schema, root)[0];
  return Object.fromEntries(required.map((name) => [name, made(properties?.[name] ?? {}, root)]));
}
