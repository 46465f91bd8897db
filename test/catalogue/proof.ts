// The proofs of the catalogue. An applied field is in a golden case, and without it, or with
// another value if there must be one, Envoy gets another configuration. A reported field has a
// Finding when it is set.

import { type FieldPath, type Finding, type FindingCode, formatPath, formatRef, type Kind } from '../../mesh/index.ts';
import { type CaseObject, type GoldenCase, resolveOutcome } from './cases.ts';
import { findPlaces, follow, type Place, removeAt, replaceAt, type Schema, specSchema, type Steps } from './fields.ts';

/** The effect of an applied field in a golden case. */
export interface Proof {
  readonly case: string;
  /**
   * `removed`: without it something else is served. `changed`: it must be there, and another value
   * means something else.
   */
  readonly by: 'removed' | 'changed' | 'refused';
}

/** The cases, with the results of each as it is. */
export class Evidence {
  readonly #cases: readonly GoldenCase[];
  readonly #effects = new Map<GoldenCase, string>();
  readonly #findings = new Map<GoldenCase, ReadonlySet<string>>();

  constructor(cases: readonly GoldenCase[]) {
    this.#cases = cases;
  }

  /**
   * The first case that proves a field to be applied; undefined when there is none. `refused` only
   * if no other value is accepted, as with a field that says which of the others is set.
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
    const refusing = uses.find(({ of, object, place }) => {
      const isTakenWithout = resolveOutcome(of, object, removeAt(object.spec, place)).isTaken;
      return !isTakenWithout && resolveOutcome(of, object, object.spec).isTaken;
    });
    return refusing === undefined ? undefined : proof(refusing, 'refused');
  }

  /**
   * The code of the Finding that results from setting a field in some object of a case: at the
   * field, or at its parents. A refusal of the object counts only if none is accepted with the
   * field, whatever its value.
   */
  proveReported(kind: Kind, steps: Steps): FindingCode | undefined {
    const { spec: schema, root } = specSchema(kind);
    let refused: FindingCode | undefined;
    let isTaken = false;
    for (const { of, object } of this.#objectsNearTo(kind, steps)) {
      for (const value of sampleValues(schemaOf(kind, steps), root)) {
        const { spec, place } = setAt(object.spec, steps, { schema, root }, value);
        const outcome = resolveOutcome(of, object, spec);
        const isThere = findPlaces(object.spec, steps).some((known) => formatPath(known) === formatPath(place));
        isTaken ||= outcome.isTaken;
        if (!outcome.isTaken && (isTaken || refused !== undefined)) continue;
        const found = outcome
          .findings()
          .filter((finding) => !structuralCodes.has(finding.code) && isAbout(finding.path, place))
          .filter((finding) => isThere || !this.#findingsOf(of).has(textOf(finding)))
          .sort((a, b) => b.path.length - a.path.length)[0];
        if (found === undefined) continue;
        if (outcome.isTaken) return found.code;
        refused = found.code;
      }
    }
    return isTaken ? undefined : refused;
  }

  /** The objects of a kind, those with most of the field's parents first. */
  #objectsNearTo(kind: Kind, steps: Steps): readonly { readonly of: GoldenCase; readonly object: CaseObject }[] {
    return [...this.#objectsOf(kind)]
      .map((each) => ({ each, depth: depthOf(each.object.spec, steps) }))
      .sort((a, b) => b.depth - a.depth)
      .map(({ each }) => each);
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
    return outcome.isTaken && outcome.effect() !== this.#effectOf(of);
  }

  #findingsOf(of: GoldenCase): ReadonlySet<string> {
    const known = this.#findings.get(of) ?? new Set(resolveOutcome(of).findings().map(textOf));
    this.#findings.set(of, known);
    return known;
  }

  #effectOf(of: GoldenCase): string {
    const known = this.#effects.get(of) ?? resolveOutcome(of).effect();
    this.#effects.set(of, known);
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

function textOf({ ref, path, code, message }: Finding): string {
  return [formatRef(ref), formatPath(path), code, message].join(' ');
}

/** Codes that say that a manifest is no manifest: nothing is known of the field then. */
const structuralCodes: ReadonlySet<FindingCode> = new Set([
  'SyntaxError',
  'UnknownField',
  'InvalidType',
  'NotAnObject',
]);

/**
 * Whether a Finding is about the field at a place: it names the field, a parent, or the type of a
 * parent. A whole rule, subset or the like is too large a parent.
 */
function isAbout(path: FieldPath, place: Place): boolean {
  const below = path.at(-1) === 'type' ? path.slice(1, -1) : path.slice(1);
  const [first, second] = below;
  const isWhole = below.length === 0 || (typeof second === 'number' && below.length === 2 && place.length > 3);
  return first !== undefined && !isWhole && below.every((step, index) => step === place[index]);
}

/** How many parents of a field a value has. */
function depthOf(value: unknown, steps: Steps): number {
  return steps.findLastIndex((_, index) => findPlaces(value, steps.slice(0, index + 1)).length > 0);
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

/**
 * Values that a field may have: of a kind that most definitions of a string accept, and all of an
 * enumeration.
 */
function sampleValues(schema: Schema, root: Schema): readonly unknown[] {
  const { type, enum: values, minimum = 1, pattern } = follow(schema, root);
  if (values !== undefined) return values;
  const types = [type ?? 'string'].flat();
  if (types.includes('boolean')) return [true];
  if (types.includes('integer') || types.includes('number')) return [Math.max(minimum, 1)];
  if (types.includes('object')) return [{}];
  const texts = ['x', '1s', 'a/b', '/x', 'Local', 'ClientIP', 'x.example', '10.0.0.1', 'http://x.example'];
  return pattern === undefined ? texts : texts.filter((text) => new RegExp(pattern).test(text));
}

/**
 * A copy with a value at the first place that a path can mean; missing parents and required
 * neighbours are made up.
 */
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
    const depths = items.map((item) => depthOf(item, rest));
    const index = Math.max(0, depths.indexOf(Math.max(...depths)));
    const { spec, place } = setAt(items[index], rest, next, wanted);
    return { spec: items.length === 0 ? [spec] : items.with(index, spec), place: [index, ...place] };
  }
  const fields = (typeof value === 'object' && value !== null ? value : made(schema, of.root)) as Readonly<
    Record<string, unknown>
  >;
  const key = step === '*' ? (Object.keys(fields)[0] ?? 'x') : step;
  const { spec, place } = setAt(fields[key], rest, next, wanted);
  const { kept, added } = besides(key, spec, fields, schema, of.root);
  return { spec: { ...kept, ...added, [key]: spec }, place: [key, ...place] };
}

/**
 * The neighbours that a field can have, and those that it needs: of fields that exclude each other
 * one, and `type` names it.
 */
function besides(
  key: string,
  value: unknown,
  fields: Readonly<Record<string, unknown>>,
  schema: Schema,
  root: Schema,
): { readonly kept: Readonly<Record<string, unknown>>; readonly added: Readonly<Record<string, unknown>> } {
  const { properties = {} } = schema;
  const variants = Object.entries(variantTypes).filter(([name]) => name in properties);
  const chosen = variants.find(([name, type]) => name === key || (key === 'type' && type === value));
  const rivals = new Set([
    ...(schema['x-at-most-one'] ?? []).filter((names) => names.includes(key)).flat(),
    ...(chosen === undefined ? [] : variants.map(([name]) => name)),
  ]);
  const kept = Object.fromEntries(Object.entries(fields).filter(([name]) => !rivals.has(name)));
  if (chosen === undefined) return { kept, added: {} };
  const [name, type] = chosen;
  return { kept, added: { type, [name]: fields[name] ?? made(properties[name] ?? {}, root) } };
}

/** Fields of the Gateway API that a field `type` beside them announces. */
const variantTypes: Readonly<Record<string, string>> = {
  requestHeaderModifier: 'RequestHeaderModifier',
  responseHeaderModifier: 'ResponseHeaderModifier',
  requestMirror: 'RequestMirror',
  requestRedirect: 'RequestRedirect',
  urlRewrite: 'URLRewrite',
  cors: 'CORS',
  externalAuth: 'ExternalAuth',
  extensionRef: 'ExtensionRef',
  replaceFullPath: 'ReplaceFullPath',
  replacePrefixMatch: 'ReplacePrefixMatch',
};

/** The least that a schema accepts. */
function made(of: Schema, root: Schema): unknown {
  const schema = follow(of, root);
  const { properties, required = [], items, type } = schema;
  if (type === 'array') return items === undefined ? [] : [made(items, root)];
  if (type !== 'object') return sampleValues(schema, root)[0];
  return Object.fromEntries(required.map((name) => [name, made(properties?.[name] ?? {}, root)]));
}
