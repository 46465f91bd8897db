// Checks one object against the schema of its kind. Validators compiled at build time check types,
// values and required fields. A walk through the schema finds unknown fields and faulty oneOf
// choices, since validators ignore the former and explain the latter badly.

import type { FieldPath } from '../finding.ts';
import { formatPath } from '../finding.ts';
import { isRecord } from '../fields.ts';
import { schemas } from '../generated/schemas.ts';
import { validators } from '../generated/validators.ts';
import type { Kind } from '../kinds/table.ts';
import type { Problem } from './problem.ts';
import { errorAt } from './problem.ts';
import { suggestHint } from './suggestion.ts';

/** The part of JSON Schema that the schemas of the kinds use. */
interface Schema {
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, Schema>>;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema;
  readonly items?: Schema;
  readonly 'x-at-most-one'?: readonly (readonly string[])[];
  /**
   * No two items of the list have the same values in these fields; without fields, no two are the
   * same.
   */
  readonly 'x-unique-by'?: readonly string[];
}

/** An error of a compiled validator, as ajv makes it. */
interface ValidationError {
  readonly instancePath: string;
  readonly keyword: string;
  readonly params: Readonly<Record<string, unknown>>;
}

interface Validator {
  (value: unknown): boolean;
  readonly errors?: readonly ValidationError[] | null;
}

const maxProblems = 50;

/** The problems of an object's structure, unknown fields first; at most 50. */
export function checkStructure(kind: Kind, value: unknown): readonly Problem[] {
  const root = schemas[kind] as Schema;
  const problems: Problem[] = [];
  checkFields({ value, schema: root, path: [], root, parent: undefined }, problems);
  const validate = validators[kind] as Validator;
  if (!validate(value)) {
    const errors = (validate.errors ?? []).slice(0, maxProblems);
    problems.push(...errors.map((error) => explain(error, value, validate)));
  }
  return problems.slice(0, maxProblems);
}

interface Place {
  readonly value: unknown;
  readonly schema: Schema;
  readonly path: FieldPath;
  readonly root: Schema;
  /**
   * The schema of the nearest enclosing object, to recognize fields that stand one level too deep.
   */
  readonly parent: Schema | undefined;
}

function checkFields(place: Place, problems: Problem[]): void {
  const schema = resolveReference(place.schema, place.root);
  const { value, path } = place;
  if (problems.length >= maxProblems) return;
  if (Array.isArray(value)) {
    const items = schema.items;
    if (items === undefined) return;
    problems.push(...checkUniqueItems(value, schema['x-unique-by'], path));
    value.forEach((item: unknown, index) =>
      checkFields({ ...place, value: item, schema: items, path: [...path, index] }, problems),
    );
  } else if (isRecord(value)) {
    for (const names of schema['x-at-most-one'] ?? []) {
      const given = names.filter((name) => Object.hasOwn(value, name));
      const [first, second] = given;
      if (first === undefined || second === undefined) continue;
      problems.push(
        errorAt(
          'InvalidValue',
          [...path, second],
          `\`${first}\` and \`${second}\` exclude each other.`,
          'keep one of them',
        ),
      );
    }
    for (const [name, field] of Object.entries(value)) {
      const known = fieldOf(schema, name) ?? schema.additionalProperties;
      const inner = [...path, name];
      if (known !== undefined)
        checkFields({ ...place, value: field, schema: known, path: inner, parent: schema }, problems);
      else if (schema.properties !== undefined) {
        const message = `\`${name}\` is not a field ${path.length === 0 ? 'of this object' : `of \`${formatPath(path)}\``}.`;
        problems.push(errorAt('UnknownField', inner, message, hintUnknown(name, schema, place)));
      }
    }
  }
}

function checkUniqueItems(
  items: readonly unknown[],
  fields: readonly string[] | undefined,
  path: FieldPath,
): readonly Problem[] {
  if (fields === undefined) return [];
  const seen = new Set<string>();
  return items.flatMap((item, index) => {
    const key = JSON.stringify(isRecord(item) ? fields.map((field) => item[field]) : item);
    if (!seen.has(key)) {
      seen.add(key);
      return [];
    }
    const [field] = fields;
    const given = field !== undefined && isRecord(item) ? item[field] : item;
    const at = field === undefined ? [...path, index] : [...path, index, field];
    return [errorAt('InvalidValue', at, `${describeValue(given)} is used twice in this list.`, 'keep one of them')];
  });
}

function hintUnknown(name: string, schema: Schema, place: Place): string | undefined {
  const properties = schema.properties ?? {};
  for (const [property, inner] of Object.entries(properties)) {
    const resolved = resolveReference(inner, place.root);
    const target = resolved.items === undefined ? resolved : resolveReference(resolved.items, place.root);
    if (fieldOf(target, name) !== undefined) return `it belongs one level deeper, in \`${property}\``;
  }
  const near = suggestHint(name, Object.keys(properties));
  if (near !== undefined) return near;
  if (place.parent !== undefined && fieldOf(place.parent, name) !== undefined)
    return 'it belongs one level further out';
  return undefined;
}

function explain({ instancePath, keyword, params }: ValidationError, root: unknown, validate: Validator): Problem {
  const { path, value } = follow(root, instancePath);
  const field = path.length === 0 ? 'The object' : `\`${String(path.at(-1))}\``;
  const named = typeof path.at(-1) === 'number' ? `\`${formatPath(path)}\`` : field;
  if (keyword === 'required') {
    const missing = String(params['missingProperty']);
    return errorAt('MissingField', [...path, missing], `${named} needs the field \`${missing}\`.`);
  }
  if (keyword === 'type') {
    const expected = [params['type']].flat().map(String);
    const message =
      value === null
        ? `${named} is empty; ${describeTypes(expected)} is expected.`
        : `${named} is ${describeValue(value)}; ${describeTypes(expected)} is expected.`;
    const works = ({ value: written }: Correction): boolean =>
      validate(replaceAt(root, path, written)) ||
      validate.errors?.some((error) => `${error.instancePath}/`.startsWith(`${instancePath}/`)) !== true;
    return errorAt('InvalidType', path, message, correctType(expected, value, path).find(works)?.hint);
  }
  if (keyword === 'enum') {
    const allowed = [params['allowedValues']].flat().map(String);
    const hint = typeof value === 'string' ? suggestHint(value, allowed) : undefined;
    return errorAt(
      'InvalidValue',
      path,
      `${named} is ${describeValue(value)}; it must be one of ${allowed.join(', ')}.`,
      hint,
    );
  }
  if (keyword === 'pattern' && path[0] === 'metadata') {
    const message = `${named} is ${describeValue(value)}; Kubernetes allows lower-case letters, digits and \`-\` in names.`;
    return errorAt('InvalidValue', path, message);
  }
  return errorAt('InvalidValue', path, `${named} is ${describeValue(value)}; ${describeLimit(keyword, params)}.`);
}

function describeLimit(keyword: string, params: Readonly<Record<string, unknown>>): string {
  const limit = String(params['limit']);
  switch (keyword) {
    case 'minimum':
      return `it must be at least ${limit}`;
    case 'maximum':
      return `it must be at most ${limit}`;
    case 'minItems':
      return `it needs at least ${limit} item`;
    case 'maxItems':
      return `it may have at most ${limit} items`;
    case 'minLength':
      return `it may not be shorter than ${limit} characters`;
    case 'maxLength':
      return `it may not be longer than ${limit} characters`;
    default:
      return `it must match the pattern ${typeof params['pattern'] === 'string' ? params['pattern'] : keyword}`;
  }
}

const typeNames: Readonly<Record<string, string>> = {
  array: 'a list',
  boolean: 'true or false',
  integer: 'a whole number',
  number: 'a number',
  object: 'a group of fields',
  string: 'text',
};

function describeTypes(types: readonly string[]): string {
  return types.map((type) => typeNames[type] ?? type).join(' or ');
}

function describeValue(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'string') return value === '' ? 'empty text' : `the text ${JSON.stringify(shorten(value))}`;
  if (typeof value === 'object') return value === null ? 'empty' : 'a group of fields';
  return typeof value === 'number' || typeof value === 'boolean' ? `\`${value}\`` : 'missing';
}

function shorten(text: string): string {
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/** A hint, and the value that results from following it. */
interface Correction {
  readonly hint: string;
  readonly value: unknown;
}

/** Fields that hold a duration, in every kind. */
const durationName =
  /(?:timeout|interval|duration|delay|backoff|ttl|maxAge|ejectionTime)(?:Secs)?$|^(?:time|request|backendRequest)$/i;

/** Values that may have been meant by a value of the wrong type, the likeliest first. */
function correctType(expected: readonly string[], value: unknown, path: FieldPath): readonly Correction[] {
  const corrections: Correction[] = [];
  if (expected.includes('string') && (typeof value === 'number' || typeof value === 'boolean')) {
    const text = String(value);
    if (typeof value === 'number' && durationName.test(String(path.at(-1)))) {
      corrections.push({ hint: `write it with its unit: ${text}s`, value: `${text}s` });
    }
    corrections.push({ hint: `write it in quotes: "${text}"`, value: text });
  }
  if (expected.includes('boolean') && typeof value === 'string') {
    const isTrue = /^(?:y|yes|on|true)$/i.test(value);
    if (isTrue || /^(?:n|no|off|false)$/i.test(value)) {
      corrections.push({ hint: `write ${isTrue}, without quotes`, value: isTrue });
    }
  }
  if (expected.some((type) => type === 'integer' || type === 'number') && typeof value === 'string') {
    if (/^\d+$/.test(value)) corrections.push({ hint: 'remove the quotes', value: Number(value) });
  }
  if (expected.includes('array') && value !== null) {
    corrections.push({ hint: 'begin every item with `- `', value: [value] });
  }
  return corrections;
}

/** A copy with another value at a path. */
function replaceAt(root: unknown, [step, ...rest]: FieldPath, value: unknown): unknown {
  if (step === undefined) return value;
  if (Array.isArray(root)) return root.with(Number(step), replaceAt(root[Number(step)], rest, value));
  return isRecord(root) ? { ...root, [step]: replaceAt(root[step], rest, value) } : root;
}

/** The value at a JSON pointer, and the pointer as a path. */
function follow(root: unknown, pointer: string): { readonly path: FieldPath; readonly value: unknown } {
  const path: (string | number)[] = [];
  let value = root;
  for (const part of pointer.split('/').slice(1)) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~');
    if (Array.isArray(value)) {
      path.push(Number(name));
      value = value[Number(name)];
    } else {
      path.push(name);
      value = isRecord(value) ? value[name] : undefined;
    }
  }
  return { path, value };
}

function resolveReference(schema: Schema, root: Schema): Schema {
  if (schema.$ref === undefined) return schema;
  return root.$defs?.[schema.$ref.slice('#/$defs/'.length)] ?? {};
}

function fieldOf(schema: Schema, name: string): Schema | undefined {
  return schema.properties !== undefined && Object.hasOwn(schema.properties, name)
    ? schema.properties[name]
    : undefined;
}
